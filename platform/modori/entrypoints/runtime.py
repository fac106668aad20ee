"""What every serving process does first: settings, logs, keys, database, messenger; and refuses what is not safe."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import structlog
from dramatiq import Broker

from modori.background import broker, hints, live
from modori.channels.wire import Prices
from modori.console import mail
from modori.entrypoints import database, logging, wiring
from modori.entrypoints.settings import Settings
from modori.kernel import failpoints
from modori.storage import db
from modori.storage.failures import DATABASE_FAILURES
from modori.tenants.queries import list_tenant_ids, list_unpriced

log = structlog.get_logger()


@contextmanager
def running(settings: Settings, name: str) -> Iterator[Broker]:
    """Set the process up, hand over its broker, and take it down again.

    raises  UnsafeDatabaseRole, OperationalError where PostgreSQL stays away
    """
    logging.configure(is_development=settings.is_development, level=settings.log_level, process=name)
    if settings.is_development and settings.failpoints:
        where = Path(settings.failpoint_log) if settings.failpoint_log else None
        failpoints.arm(settings.failpoints, log=where, seed=settings.failpoint_seed)
    database.open_database(settings)
    redis_url = settings.redis_url.get_secret_value()
    messenger = broker.make_broker(redis_url)
    broker.register(messenger, wiring.actors(settings))
    hints.configure(messenger)
    live.configure(redis_url)
    mail.configure(wiring.user_mailer(settings))
    log.info("process.started", name=name, environment=settings.env.value)
    try:
        warn_of_missing_prices(wiring.prices(settings))
        yield messenger
    finally:
        mail.configure(None)
        live.configure(None)
        hints.configure(None)
        messenger.close()
        db.disconnect()
        log.info("process.ended", name=name)


def warn_of_missing_prices(prices: Prices) -> None:
    """Say in which currencies clients have a limit that cannot be kept: their SMS and calls are held.

    A database that cannot tell, not migrated yet or away again, keeps no process from its start.
    """
    try:
        with db.scan_transaction() as session:
            tenant_ids = list_tenant_ids(session)
        with db.read_transaction(tenant_ids) as reading:
            unpriced = list_unpriced(reading, tenant_ids=tenant_ids, priced=sorted(prices.currencies))
    except DATABASE_FAILURES as error:
        log.warning("prices.unread", error=type(error).__name__)
        return
    for currency, clients in unpriced:
        log.warning("prices.missing", currency=currency, clients=clients)


@contextmanager
def until_asked_to_stop() -> Iterator[threading.Event]:
    """Hand over an event that SIGTERM or Ctrl-C sets. For processes whose main thread only waits."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
