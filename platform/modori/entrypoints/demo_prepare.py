"""Bring the demo's database up to date and seed its story: a process of its own, so that the supervisor stays small.

python -m modori.entrypoints.demo_prepare STORY_FILE    with the same environment as the demo's other processes
"""

import os
import sys
from pathlib import Path

from modori.entrypoints import migrate
from modori.entrypoints.database import open_database
from modori.entrypoints.demo_story import DemoStory, DemoUrls
from modori.entrypoints.seed import seed_demo
from modori.entrypoints.settings import read_safe
from modori.kernel import clock
from modori.storage import db


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
    seed_demo(database, urls=urls, now=clock.now(), known=known).write(story_file)
    db.disconnect()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
