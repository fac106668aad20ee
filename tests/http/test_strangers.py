"""Unknown keys and tokens: a few from one network are looked up, the rest is refused before the database is asked."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from modori.api import config, feed
from modori.api.admission import STRANGERS_BURST, STRANGERS_PER_S
from modori.api.edge import ApiConfig
from modori.api.ingest import IngestApp
from modori.api.keys import SiteKeys
from modori.api.rates import Rates
from modori.api.strangers import REMEMBERED_S, Presented, Strangers
from modori.channels.model import LinkKind
from modori.kernel.errors import Limited
from modori.kernel.ids import new_token
from modori.public.routes import make_router as make_public_router
from modori.storage import db
from modori.storage.roles import DatabaseUrls
from tests.asgi import Asker
from tests.channelworld import send
from tests.conftest import Cluster
from tests.wholeapp import make_front
from tests.world import World, make_tenant

NEIGHBOUR = "198.51.100.7"


class House:
    """The routes that look keys and tokens up, under a clock that stands still."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.app = FastAPI()
        self.app.state.strangers = Strangers(Rates(tick=self._tick), tick=self._tick)
        for router in (config.make_router(), feed.make_router(), make_public_router()):
            self.app.include_router(router)
        self.caller = Asker(self.app)

    def _tick(self) -> float:
        return self.now_s


@pytest.fixture
def house(database: db.Database) -> House:
    return House()


def ask_config(caller: Asker, key: str) -> httpx.Response:
    return caller.get(f"/v1/sites/{key}/config")


def say_feed(caller: Asker, key: str) -> httpx.Response:
    return caller.post("/v1/feed", json={}, headers={"Authorization": f"Bearer {key}"})


def open_link(caller: Asker, token: str) -> httpx.Response:
    return caller.get(f"/t/{token}")


def ask_to_stop(caller: Asker, token: str) -> httpx.Response:
    return caller.get(f"/u/{token}")


def stop(caller: Asker, token: str) -> httpx.Response:
    return caller.post(f"/u/{token}", data={"List-Unsubscribe": "One-Click"})


Ask = Callable[[Asker, str], httpx.Response]
WAYS: list[Any] = [
    pytest.param(ask_config, "pk_", 404, id="config"),
    pytest.param(say_feed, "sk_", 401, id="server API"),
    pytest.param(open_link, "", 404, id="restore link"),
    pytest.param(ask_to_stop, "", 404, id="way out"),
    pytest.param(stop, "", 404, id="one click"),
]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Lists what the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(db.database().app, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(db.database().app, "before_cursor_execute", note)


def spend(caller: Asker, ask: Ask, prefix: str) -> set[int]:
    return {ask(caller, f"{prefix}{new_token()}").status_code for _ in range(STRANGERS_BURST)}


@pytest.mark.parametrize(("ask", "prefix", "status"), WAYS)
def test_rules36_who_guesses_is_refused_before_the_database_is_asked(
    house: House, ask: Ask, prefix: str, status: int
) -> None:
    assert spend(house.caller, ask, prefix) == {status}
    assert ask(house.caller, f"{prefix}{new_token()}").status_code == 429  # the one that says that it is enough
    with statements() as asked:
        refused = ask(house.caller, f"{prefix}{new_token()}")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert asked == []
    assert ask(Asker(house.app, address=NEIGHBOUR), f"{prefix}{new_token()}").status_code == status
    house.now_s += 1.0
    again = [ask(house.caller, f"{prefix}{new_token()}").status_code for _ in range(STRANGERS_PER_S + 1)]
    assert again == [status] * STRANGERS_PER_S + [429]


def test_sites_of_which_something_was_heard_lately_are_no_strangers(house: House, world: World) -> None:
    """Behind one address sit a guesser and customers of acme: the guesser does not take the shop's tag away."""
    acme, other = world.acme, make_tenant("other")
    assert ask_config(house.caller, acme.site_key).status_code == 200
    assert say_feed(house.caller, acme.secret_key).status_code == 200
    assert spend(house.caller, ask_config, "pk_") == {404}
    assert ask_config(house.caller, f"pk_{new_token()}").status_code == 429
    assert ask_config(house.caller, acme.site_key).status_code == 200
    assert say_feed(house.caller, acme.secret_key).status_code == 200
    assert ask_config(house.caller, other.site_key).status_code == 429  # never heard of yet
    assert ask_config(Asker(house.app, address=NEIGHBOUR), other.site_key).status_code == 200
    assert ask_config(house.caller, other.site_key).status_code == 200


def test_who_guesses_keys_keeps_nobody_from_the_way_out(house: House, world: World) -> None:
    sent = send(world.acme)
    assert spend(house.caller, ask_config, "pk_") == {404}
    assert ask_config(house.caller, f"pk_{new_token()}").status_code == 429
    assert stop(house.caller, sent.token(LinkKind.UNSUBSCRIBE)).status_code == 200


def test_a_page_that_was_opened_may_still_be_used_while_a_neighbour_guesses(house: House, world: World) -> None:
    token = send(world.acme).token(LinkKind.UNSUBSCRIBE)
    assert ask_to_stop(house.caller, token).status_code == 200
    assert spend(house.caller, ask_to_stop, "") == {404}
    assert ask_to_stop(house.caller, new_token()).status_code == 429
    assert stop(house.caller, token).status_code == 200


@pytest.mark.parametrize(
    ("lang", "said"), [("ja", "手続きはまだ行われていません"), ("en", "Nothing has been done yet")]
)
def test_the_refusal_is_a_page_that_a_person_can_read(house: House, lang: str, said: str) -> None:
    assert spend(house.caller, ask_to_stop, "") == {404}
    refused = [house.caller.get(f"/u/{new_token()}?lang={lang}") for _ in range(2)]
    assert {one.status_code for one in refused} == {429}
    assert all(said in one.text for one in refused)


def test_what_cannot_be_a_token_asks_nothing(house: House) -> None:
    with statements() as asked:
        answers = [house.caller.get(f"/t/{word}") for word in ("x", "a" * 23, "%00" * 22)]
    assert {one.status_code for one in answers} == {404}
    assert asked == []


def test_who_was_known_is_forgotten_in_time() -> None:
    now = [1000.0]
    strangers = Strangers(Rates(tick=lambda: now[0]), tick=lambda: now[0])
    strangers.admit(Presented.KEY, "pk_known", network="n").is_known()
    for _ in range(STRANGERS_BURST):
        strangers.admit(Presented.KEY, "pk_guess", network="n").is_unknown()
    with pytest.raises(Limited):
        strangers.admit(Presented.KEY, "pk_guess", network="n").is_unknown()
    strangers.admit(Presented.KEY, "pk_known", network="n")
    now[0] += REMEMBERED_S
    for _ in range(STRANGERS_BURST):
        strangers.admit(Presented.KEY, "pk_guess", network="n").is_unknown()
    with pytest.raises(Limited):
        strangers.admit(Presented.KEY, "pk_guess", network="n").is_unknown()
    with pytest.raises(Limited):
        strangers.admit(Presented.KEY, "pk_known", network="n")


def test_a_neighbour_in_one_house_of_ipv6_is_the_same_stranger(house: House) -> None:
    callers = [Asker(house.app, address=f"2001:db8:1:2::{number:x}") for number in range(1, STRANGERS_BURST + 2)]
    answers = [ask_config(one, f"pk_{new_token()}").status_code for one in callers]
    assert answers == [404] * STRANGERS_BURST + [429]


def test_ingest_and_the_other_routes_share_one_bucket(
    database_urls: DatabaseUrls, engines: Cluster, world: World
) -> None:
    """As the web process is put together: what is no batch at all counts, too."""
    caller = Asker(make_front(database_urls, engines))

    def post() -> int:
        return caller.post("/v1/events", content=b"{}", headers={"content-type": "text/plain"}).status_code

    def is_refused_beside() -> bool:
        assert any(post() == 429 for _ in range(50 * STRANGERS_BURST))
        return ask_config(caller, f"pk_{new_token()}").status_code == 429

    assert any(is_refused_beside() for _ in range(50))  # the bucket fills on meanwhile, on a slow machine by one or two


def test_rules36_who_asks_leave_for_origins_that_no_site_has_is_refused_before_the_database_is_asked(
    world: World,
) -> None:
    """A preflight is a look, too, by the threads that orders and consents need."""
    now_s = [1000.0]
    app = IngestApp(ApiConfig(public_url="https://modori.example"), rates=Rates(tick=lambda: now_s[0]))

    def ask(origin: str, *, address: str = "203.0.113.9") -> int:
        return Asker(app, address=address).options("/v1/events", headers={"Origin": origin}).status_code

    assert ask(world.acme.origin) == 204
    assert {ask(f"https://{new_token()}.example") for _ in range(STRANGERS_BURST)} == {403}
    assert ask("https://one-more.example") == 429
    with statements() as asked:
        assert ask(f"https://{new_token()}.example") == 429
    assert asked == []
    assert ask(world.acme.origin) == 204  # known lately
    assert ask(world.stranger.origin) == 429
    assert ask(world.stranger.origin, address=NEIGHBOUR) == 204
    now_s[0] += 1.0
    assert ask("https://one-more.example") == 403


def test_what_callers_write_into_headers_is_not_kept_in_mind(world: World) -> None:
    """Origins and forwarded addresses are remembered by the thousand: a long one would be a way to fill the memory."""
    config = ApiConfig(public_url="https://modori.example", trusted_proxies=("203.0.113.9/32",))
    caller = Asker(IngestApp(config))
    tracemalloc.start()
    try:
        for number in range(30):
            long = f"{number}" + "a" * 60_000
            headers = {"Origin": f"https://{long}", "X-Forwarded-For": f"{long}, 198.51.100.{number}"}
            assert caller.post("/v1/events", content=b"", headers=headers).status_code == 400
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 10 * 60_000


def test_guesses_push_no_live_site_out(world: World) -> None:
    live = make_tenant("live")
    keys = SiteKeys(kept_s=3600.0, most_kept=5)
    assert keys.find(live.site_key) is not None
    for _ in range(20):
        assert keys.find(f"pk_{new_token()}") is None
    with statements() as asked:
        assert keys.find(live.site_key) is not None
    assert asked == []
