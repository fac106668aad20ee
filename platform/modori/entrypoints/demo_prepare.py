"""Bring the demo's database up to date and seed its story: a process of its own, so that the supervisor stays small.

python -m modori.entrypoints.demo_prepare STORY_FILE    with the same environment as the demo's other processes
"""

import base64
import os
import sys
from pathlib import Path

from modori.entrypoints import migrate
from modori.entrypoints.demo_story import DemoStory, DemoUrls
from modori.entrypoints.seed import seed_demo
from modori.kernel import clock
from modori.storage import crypto, db
from modori.storage.guard import refuse_unsafe_role


def main(story_file: Path) -> None:
    env = os.environ
    print("migrating the database", flush=True)
    migrate.upgrade(env["MODORI_OWNER_DATABASE_URL"])
    master, index = (base64.b64decode(env[name]) for name in ("MODORI_MASTER_KEY", "MODORI_INDEX_KEY"))
    crypto.configure(crypto.RootKeys(master=master, index=index))
    database = db.connect(app_url=env["MODORI_DATABASE_URL"], scan_url=env["MODORI_SCAN_DATABASE_URL"])
    for engine in (database.app, database.scan):
        with engine.connect() as connection:
            refuse_unsafe_role(connection)
    web = env["MODORI_PUBLIC_URL"]
    urls = DemoUrls(web, env["MODORI_SANDBOX_SHOP_URL"], f"{web}/console", env["MODORI_SANDBOX_WORLD_URL"])
    known = DemoStory.read(story_file)
    print("seeding the story" if known is None else "bringing the story up to today", flush=True)
    seed_demo(database, urls=urls, now=clock.now(), known=known).write(story_file)
    db.disconnect()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
