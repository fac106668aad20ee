"""`modori …`: one program, several commands. Each reads MODORI_… variables (`modori settings` lists them)."""

import argparse
import sys
from collections.abc import Callable, Sequence
from textwrap import wrap

from modori.entrypoints import settings as all_settings
from modori.entrypoints.settings import Settings
from modori.kernel.errors import ModoriError

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 1 where it was refused, 2 for words that are none."""
    parser, commands = _parser()
    given, rest = parser.parse_known_args(arguments)
    if rest and given.command != "demo":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    given.rest = rest
    try:
        return commands[given.command](given)
    except ModoriError as error:
        print(f"{error.title}:\n{error.detail}" if error.detail != error.title else error.title, file=sys.stderr)
        return 1


def _parser() -> tuple[argparse.ArgumentParser, dict[str, Command]]:
    parser = argparse.ArgumentParser(prog="modori", description="Cart and form recovery for agencies.")
    adding = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands: dict[str, Command] = {}

    def add(name: str, what: str, command: Command) -> argparse.ArgumentParser:
        commands[name] = command
        return adding.add_parser(name, help=what, description=what, add_help=name != "demo")

    add("web", "serve the API, the console and the public pages", _web)
    add("worker", "run jobs", _worker)
    add("scheduler", "run the relay and every scan", _scheduler)
    add("demo", "the whole product on this machine", _demo)
    add("sandbox", "the demo's outer world: shop, phone, inbox", _sandbox)
    add("settings", "list every setting: meaning, unit, default, current value", _settings)
    add("migrate", "bring the schema up to date, as the owner", _migrate)
    first = add("init", "make roles, schema, agency and first administrator", _init)
    first.add_argument("--agency", required=True, help="the agency's name")
    first.add_argument("--email", required=True, help="the first administrator's e-mail address")
    first.add_argument("--name", required=True, help="the first administrator's name")
    first.add_argument("--locale", choices=("ja", "en"), default="ja")
    first.add_argument("--mail", action="store_true", help="send the invitation instead of printing its link")
    users = add("users", "a new link for who cannot get mail", _users)
    users.add_argument("what", choices=("link",))
    users.add_argument("email")
    work = add("work", "work that failed three times and waits for a person", _work)
    work.add_argument("what", choices=("list", "retry"))
    return parser, commands


def _web(_: argparse.Namespace) -> int:
    settings = all_settings.read_to_serve()
    from modori.entrypoints import web

    return web.main(settings)


def _worker(_: argparse.Namespace) -> int:
    settings = all_settings.read_to_serve()
    from modori.entrypoints import worker

    return worker.main(settings)


def _scheduler(_: argparse.Namespace) -> int:
    settings = all_settings.read_to_serve()
    from modori.entrypoints import scheduler

    return scheduler.main(settings)


def _demo(given: argparse.Namespace) -> int:
    from modori.entrypoints import demo

    return demo.main(given.rest)


def _sandbox(_: argparse.Namespace) -> int:
    from modori.sandbox.app import serve
    from modori.sandbox.settings import SandboxSettings

    serve(SandboxSettings.from_env())
    return 0


def _migrate(_: argparse.Namespace) -> int:
    from modori.entrypoints import migrate

    owner = all_settings.read().owner_database_url
    if owner is None:
        raise all_settings.UnsafeSettings(["MODORI_OWNER_DATABASE_URL is missing"])
    migrate.upgrade(owner.get_secret_value())
    print(f"the schema is at {migrate.newest_revision()}")
    return 0


def _init(given: argparse.Namespace) -> int:
    from modori.entrypoints.installing import FirstAdministrator, install

    first = FirstAdministrator(agency=given.agency, email=given.email, name=given.name, locale=given.locale)
    link = install(all_settings.read_safe(), first, by_mail=given.mail)
    print(f"Choose a password within seven days:\n{link}" if link else "The invitation goes out by mail.")
    return 0


def _users(given: argparse.Namespace) -> int:
    from modori.entrypoints.installing import new_link

    print(new_link(all_settings.read_safe(), given.email))
    return 0


def _work(given: argparse.Namespace) -> int:
    from modori.background.relay import list_quarantined
    from modori.entrypoints.database import open_database
    from modori.storage import db

    open_database(all_settings.read_safe())
    try:
        found = list_quarantined(and_retry=given.what == "retry")
    finally:
        db.disconnect()
    for one in found:
        print(f"{one.work_id}  {one.subscriber}  client {one.tenant_id}  {one.error}")
    print(f"{len(found)} given three more tries" if given.what == "retry" else f"{len(found)} in quarantine")
    return 0


def _settings(_: argparse.Namespace) -> int:
    """Print the table, then what forbids to serve with it."""
    current: Settings = all_settings.read()
    for variable, meaning, unit, default, shown in all_settings.table(current):
        print(f"{variable}{f'  [{unit}]' if unit else ''}")
        for line in wrap(meaning, 100):
            print(f"    {line}")
        print(f"    default {default} · now {shown}")
    faults = current.faults()
    if faults:
        print("\nNot safe to serve with:", *(f"  {fault}" for fault in faults), sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
