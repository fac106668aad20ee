"""Write a migration from the difference between the tables' classes and a database that has every migration so far.

python -m modori.entrypoints.new_migration "what it does"
"""

import os
import sys

from modori.entrypoints import migrate
from modori.sandbox.engine_folders import engines_folder
from modori.sandbox.engines import Engines
from modori.storage.roles import RolePasswords, provision


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0].strip():
        print('say what it does: make migration m="add a column"', file=sys.stderr)
        return 2
    engines = Engines(engines_folder(f"migration-{os.getpid()}"), durable=False, say=print)
    try:
        engines.start()
        owner = provision(engines.superuser_url, database="modori", passwords=RolePasswords.generate()).owner
        migrate.upgrade(owner)
        migrate.new_revision(owner, arguments[0])
    finally:
        engines.discard()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
