"""Bring the demo's database up to date and seed its story: a process of its own, so that the supervisor stays small.

python -m modori.entrypoints.demo_prepare STORY_FILE    with the same environment as the demo's other processes
"""

import json
import os
import sys
import time
import urllib.request
from pathlib import Path

from modori.capture.context import context_of
from modori.entrypoints import migrate
from modori.entrypoints.database import open_database
from modori.entrypoints.demo_story import DemoStory, DemoUrls
from modori.entrypoints.seed import seed_demo, site_of_key
from modori.entrypoints.seed_history import History
from modori.entrypoints.settings import Settings, read_safe
from modori.entrypoints.wiring import make_dispatcher
from modori.kernel import clock
from modori.kernel.ids import UserId
from modori.sandbox.app import Sandbox
from modori.sandbox.settings import SandboxSettings
from modori.storage import db
from modori.tenants.model import Role
from modori.tenants.sites.queries import get_site
from modori.tenants.users.queries import find_user_by_email
from modori.tenants.users.values import email_index

CALLBACKS_S = 1.5
"""The newest messages' status callbacks come up to this long after they were accepted; they are dropped, too."""


def main(story_file: Path) -> None:
    settings = read_safe()
    print("migrating the database", flush=True)
    migrate.upgrade(os.environ["MODORI_OWNER_DATABASE_URL"])
    database = open_database(settings)
    web = settings.public_url
    shop, inbox = os.environ["MODORI_SANDBOX_SHOP_URL"], os.environ["MODORI_SANDBOX_WORLD_URL"]
    known = DemoStory.read(story_file)
    print("seeding the story" if known is None else "bringing the story up to today", flush=True)
    urls = DemoUrls(web=web, shop=shop, console=f"{web}/console", inbox=inbox)
    story = seed_demo(database, urls=urls, now=clock.now(), known=known)
    if known is None:
        print("living through a week of history", flush=True)
        _live_through_a_week(settings, story, urls)
    story.write(story_file)
    db.disconnect()


def _live_through_a_week(settings: Settings, story: DemoStory, urls: DemoUrls) -> None:
    """Play the past week against the sandbox on its own ports; what it accepts is in its inbox when it starts again."""
    env = os.environ | {"MODORI_SANDBOX_SITE_KEY": story.site_key, "MODORI_SANDBOX_SECRET_KEY": story.secret_key}
    tenant_id, site_id = site_of_key(story.site_key)
    with db.tenant_transaction(tenant_id) as session:
        site = get_site(session, tenant_id=tenant_id, site_id=site_id)
    with db.agency_transaction() as session:
        operator, reviewer = (
            find_user_by_email(session, email_index=email_index(story.logins[role].email))
            for role in (Role.OPERATOR, Role.CLIENT_REVIEWER)
        )
    assert operator is not None
    assert reviewer is not None
    with Sandbox(SandboxSettings.from_env(env)):
        _drop_callbacks(urls.inbox)  # they would come back at today's time, before anybody listens
        history = History(
            site=context_of(site, key_id="history", is_secret=False),
            shop=urls.shop,
            inbox=urls.inbox,
            dispatcher=make_dispatcher(settings),
            operator=UserId(operator.user_id),
            reviewer=UserId(reviewer.user_id),
            now=clock.now(),
        )
        history.play()
        history.pass_by()
        time.sleep(CALLBACKS_S)
        _ask(urls.inbox, "DELETE", None)


def _drop_callbacks(inbox: str) -> None:
    _ask(inbox, "POST", {"channel": "sms", "mode": "drop_callbacks", "rate": 1})


def _ask(inbox: str, method: str, told: dict[str, object] | None) -> None:
    request = urllib.request.Request(  # noqa: S310  # the sandbox's own address
        f"{inbox}/control/faults",
        method=method,
        data=json.dumps(told).encode() if told else None,
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


if __name__ == "__main__":
    main(Path(sys.argv[1]))
