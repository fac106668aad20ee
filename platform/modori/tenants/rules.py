"""Pure decisions about origins, notices, months of spending, roles, log-ins, sessions and passwords."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from modori.kernel.errors import BadInput
from modori.kernel.money import minor_digits


def spend_month(now: datetime) -> date:
    """Return the month, by its first day, in which what a contact costs is counted: UTC."""
    return now.date().replace(day=1)


def most_spend_minor(currency: str) -> int:
    """Return the highest limit that a client's month may have: a million of the currency, in its minor unit."""
    return int(1_000_000 * 10 ** minor_digits(currency))


def notice_permits_calls(capture_mode: str, *, has_text: bool) -> bool:
    """Say whether the site's notice lets a person be called who has not refused it (DESIGN 5; RULES 11, 15).

    A site that asks first (`after-consent`) shows none: who agreed to be captured has not agreed to be called.
    """
    return capture_mode == "notice" and has_text


class BadPictureOrigin(BadInput):
    code = "bad_picture_origin"
    title = "This is not a host that pictures can come from"


class BadOrigin(BadInput):
    code = "bad_origin"
    title = "This is not an origin such as https://shop.example"


class CurrencyNotPriced(BadInput):
    code = "currency_not_priced"
    title = "No price of messages and calls is set in this currency"


class CurrencyCounted(BadInput):
    code = "currency_counted"
    title = "This month is counted in the present currency"


class SpendLimitTooLarge(BadInput):
    code = "spend_limit_too_large"
    title = "A month's limit is at most a million of its currency"


class BeyondLimit(BadInput):
    code = "beyond_limit"
    title = "The agency allows no more than this"


LEAST: Final = frozenset({"message_gap_s", "dial_gap_s"})
MOST: Final = frozenset(
    {"first_messages_per_contact_day", "messages_per_contact_week", "dials_per_day", "dials_per_lead"}
)
LIMITS: Final = LEAST | MOST
"""Figures of a site that may be stricter than the agency's and never looser (RULES 12, 31)."""


def beyond_limits(wanted: Mapping[str, Any], limits: Mapping[str, int]) -> list[str]:
    """Name the figures of a site that are looser than the agency's, in alphabetical order.

    wanted  what a site would have, other settings among it
    limits  the agency's figure for each of LIMITS
    """
    too_short = [name for name in LEAST & wanted.keys() if wanted[name] < limits[name]]
    too_many = [name for name in MOST & wanted.keys() if wanted[name] > limits[name]]
    return sorted(too_short + too_many)


def changes_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Say for the audit what a change of settings came to: `fields` that differ, and old and new value of each number.

    Texts are named and not repeated: a name or an address has no business in the audit.
    """
    fields = sorted(name for name in after if before.get(name) != after[name])
    numbers = {name: [before.get(name), after[name]] for name in fields if _are_numbers(before.get(name), after[name])}
    return {"fields": fields} | ({"numbers": numbers} if numbers else {})


def with_limit(
    changes: Mapping[str, Any], *, limits: tuple[int | None, int | None], currencies: tuple[str, str]
) -> dict[str, Any]:
    """Add to a client's changes its monthly limit, old and new, where that or its currency is another.

    50,000 minor units are ¥50,000 and $500.00.
    """
    if limits == (None, None) or (limits[0] == limits[1] and currencies[0] == currencies[1]):
        return dict(changes)
    return {
        "fields": sorted({*changes["fields"], "monthly_spend_limit_minor"}),
        "numbers": changes.get("numbers", {}) | {"monthly_spend_limit_minor": list(limits)},
        "currencies": list(currencies),
    }


def _are_numbers(before: object, after: object) -> bool:
    said = [one for one in (before, after) if one is not None]
    return bool(said) and all(isinstance(one, int) and not isinstance(one, bool) for one in said)


def normalise_origin(text: str) -> str:
    """Write an origin as browsers send it: lower case, without default port or path.

    raises  BadOrigin for anything but http or https with a host alone; http only for the machine itself
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise BadOrigin(f"{text[:100]} is not an origin") from error
    host = (parts.hostname or "").lower()
    is_bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not host or not is_bare or any(c.isspace() or c == "*" for c in host):
        raise BadOrigin(f"{text[:100]} is not an origin such as https://shop.example")
    try:
        host = host if ":" in host else host.encode("idna").decode()
    except UnicodeError as error:
        raise BadOrigin(f"{text[:100]} has no possible host name") from error
    if parts.scheme == "http" and not _is_this_machine(host):
        raise BadOrigin("an origin must be https, save on this machine")
    default = {"http": 80, "https": 443}[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + ("" if port in (None, default) else f":{port}")


def normalise_picture_origin(text: str) -> str:
    """Write where pictures lie as an origin; a bare host is taken as https. raises BadPictureOrigin"""
    bare = text.strip()
    try:
        origin = normalise_origin(bare if "://" in bare else f"https://{bare}")
    except BadOrigin as error:
        raise BadPictureOrigin(f"{bare[:100]} is no host of pictures") from error
    if not origin.startswith("https://"):
        raise BadPictureOrigin("pictures come over https")
    return origin


def _is_this_machine(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
