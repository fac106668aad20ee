"""Logs: JSON lines in production, readable ones in development. A request's id on each, personal data on none."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog
from structlog.typing import Processor

EMAIL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
PHONE: Final = re.compile(r"(?<![\w.:-])(?:\+|00)?\d(?:[\s().-]{0,2}\d){8,14}(?![\w:-])")
"""Nine to fifteen digits, alone or with the usual signs between. Ids and times have letters or colons beside."""

QUIET: Final = ("dramatiq", "uvicorn", "asyncio", "alembic", "twilio", "sqlalchemy")


def without_personal_values(_: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask whatever looks like an e-mail address or a telephone number, wherever it stands in an entry."""
    for key, value in entry.items():
        if key not in ("timestamp", "level"):
            entry[key] = _masked(value)
    return entry


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return PHONE.sub("(phone)", EMAIL.sub("(e-mail)", value))
    if isinstance(value, dict):
        return {_masked(key): _masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _masked(str(value))


def configure(*, is_development: bool, level: str, process: str) -> None:
    """Send our log and every library's through one chain to standard error.

    process  which of our processes this is: web, worker, scheduler
    """

    def name_process(_: object, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        entry["process"] = process
        return entry

    shared: list[Processor] = [
        name_process,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        without_personal_values,
    ]
    last: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if is_development
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))
