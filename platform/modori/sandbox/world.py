"""The outer world's memory: what reached people's phones and inboxes, and how those phones behave."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from modori.sandbox.ledger import Ledger, iter_lines
from modori.sandbox.mail import Mail, links_in_text, read_mail

_T = TypeVar("_T")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)

FINAL_CALL_STATES = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
FINAL_SMS_STATES = frozenset({"delivered", "undelivered", "failed"})


@dataclass(frozen=True)
class Sms:
    """A text message. Outbound ones are the API's; a reply by the consumer has `inbound` set."""

    sid: str
    to: str
    sender: str
    body: str
    created_at: str
    inbound: bool = False
    status: str = "queued"
    sent_at: str | None = None
    error_code: int | None = None
    status_callback: str = ""
    messaging_service_sid: str | None = None
    delivery_id: str | None = None


@dataclass(frozen=True)
class Call:
    """One leg of a call. `said` is what a machine's voice read out in it.

    queued → ringing → in-progress → completed; instead of the latter two: busy, no-answer, failed, canceled
    """

    sid: str
    to: str
    sender: str
    created_at: str
    parent_sid: str | None = None
    status: str = "queued"
    started_at: str | None = None
    ended_at: str | None = None
    duration_s: int | None = None
    said: tuple[str, ...] = ()
    problem: str | None = None
    status_callback: str = ""
    status_callback_events: tuple[str, ...] = ()
    delivery_id: str | None = None

    @property
    def is_over(self) -> bool:
        return self.status in FINAL_CALL_STATES


@dataclass(frozen=True)
class Phone:
    """How one number behaves.

    answer      answer, ask (rings until someone presses a button), no-answer, busy
    answer_s    seconds of ringing before it is answered; None takes the world's habit
    talk_s      seconds until it hangs up by itself; None takes the world's habit
    sms_outcome delivered, undelivered, failed, or none: then the carrier never says
    error_code  Twilio's code of an undelivered message
    opted_out   Twilio itself refuses to send (21610)
    sms_url     where replies *to* this number are posted; empty means Modori's inbound hook
    """

    answer: str = "answer"
    answer_s: float | None = None
    talk_s: float | None = None
    sms_outcome: str = "delivered"
    error_code: int = 30005
    opted_out: bool = False
    sms_url: str = ""


@dataclass
class _Memory:
    texts: dict[str, Sms] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    mails: dict[str, Mail] = field(default_factory=dict)
    phones: dict[str, Phone] = field(default_factory=dict)


class World:
    """All of it, kept in memory and written to `world.jsonl`, from which the next start reads it back.

    `accepted.jsonl` has one line per message, mail or call that was accepted, `rang.jsonl` one per ring of
    a phone behind a `<Dial>`. Both are written before anybody is answered, and never cut.
    """

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        (state_dir / "mail").mkdir(parents=True, exist_ok=True)
        self._memory = _Memory()
        for line in iter_lines(state_dir / "world.jsonl"):
            self._remember(line)
        self._history = Ledger(state_dir / "world.jsonl")
        self._accepted = Ledger(state_dir / "accepted.jsonl")
        self._rang = Ledger(state_dir / "rang.jsonl")
        self.version = 0
        """Grows with every change, so that a page can ask whether there is anything new."""

    def close(self) -> None:
        for ledger in (self._history, self._accepted, self._rang):
            ledger.close()

    # what arrives

    def accept_sms(self, text: Sms) -> None:
        self._accepted.append(
            {"channel": "sms", "to": text.to, "at": text.created_at, "delivery_id": text.delivery_id}
            | {"sid": text.sid}
        )
        self._write({"event": "sms", "sms": asdict(text)})

    def accept_call(self, call: Call) -> None:
        self._accepted.append(
            {"channel": "call", "to": call.to, "at": call.created_at, "delivery_id": call.delivery_id}
            | {"sid": call.sid}
        )
        self._write({"event": "call", "call": asdict(call)})

    def accept_mail(self, raw: bytes, *, mail_from: str, to: str) -> Mail:
        """Store one copy for one receiver; the raw bytes stay in `mail/<id>.eml`."""
        mail_id = "EM" + secrets.token_hex(16)
        line = {"event": "mail", "id": mail_id, "to": to, "mail_from": mail_from, "at": now_text()}
        (self._state_dir / "mail" / f"{mail_id}.eml").write_bytes(raw)
        mail = self._open_mail(line, raw)
        message_id = next((value for name, value in mail.headers if name.lower() == "message-id"), None)
        self._accepted.append(
            {"channel": "email", "to": to, "at": line["at"], "delivery_id": mail.delivery_id}
            | {"sid": mail_id, "message_id": message_id}
        )
        self._write(line)
        return mail

    def add_reply(self, text: Sms) -> None:
        self._write({"event": "sms", "sms": asdict(text)})

    def ring(self, leg: Call) -> None:
        """A phone behind a `<Dial>` rings."""
        self._rang.append(
            {"to": leg.to, "at": leg.created_at, "sid": leg.sid, "parent_sid": leg.parent_sid}
            | {"delivery_id": leg.delivery_id}
        )
        self._write({"event": "call", "call": asdict(leg)})

    # what changes

    def change_sms(self, sid: str, **changes: Any) -> Sms:
        self._write({"event": "sms_changed", "sid": sid, "changes": changes})
        return self._memory.texts[sid]

    def change_call(self, sid: str, **changes: Any) -> Call:
        self._write({"event": "call_changed", "sid": sid, "changes": changes})
        return self._memory.calls[sid]

    def set_phone(self, number: str, **habits: Any) -> Phone:
        """Change how a number behaves. Raises TypeError for a habit that does not exist."""
        phone = replace(self.phone(number), **habits)
        self._write({"event": "phone", "number": number, "phone": asdict(phone)})
        return phone

    def forget_messages(self) -> None:
        """Empty every phone and inbox. The ledgers of what was accepted stay."""
        self._write({"event": "forgotten", "at": now_text()})

    # questions

    def phone(self, number: str) -> Phone:
        return self._memory.phones.get(number, Phone())

    def find_sms(self, sid: str) -> Sms | None:
        return self._memory.texts.get(sid)

    def find_call(self, sid: str) -> Call | None:
        return self._memory.calls.get(sid)

    def find_mail(self, mail_id: str) -> Mail | None:
        return self._memory.mails.get(mail_id)

    def list_sms(self) -> list[Sms]:
        """Oldest first, as all lists here."""
        return list(self._memory.texts.values())

    def list_calls(self) -> list[Call]:
        return list(self._memory.calls.values())

    def list_mails(self) -> list[Mail]:
        return list(self._memory.mails.values())

    def raw_mail(self, mail_id: str) -> bytes:
        return (self._state_dir / "mail" / f"{mail_id}.eml").read_bytes()

    def received(self, *, to: str = "", channel: str = "") -> list[dict[str, Any]]:
        """What consumers received, newest last: the answer of `GET /messages`."""
        rows = [row for row in self._iter_received() if channel in ("", row["channel"]) and to in ("", row["to"])]
        return sorted(rows, key=lambda row: str(row["at"]))

    def _iter_received(self) -> Iterator[dict[str, Any]]:
        for text in self._memory.texts.values():
            if not text.inbound:
                yield _row(text.sid, "sms", text.to, text.created_at, text.sender, text.body) | {"status": text.status}
        for call in self._memory.calls.values():
            yield _row(call.sid, "call", call.to, call.created_at, call.sender, "\n".join(call.said)) | {
                "status": call.status,
                "parent": call.parent_sid,
                "duration_s": call.duration_s,
            }
        for mail in self._memory.mails.values():
            yield _row(mail.id, "email", mail.to, mail.at.isoformat(), mail.sender, mail.text) | {
                "subject": mail.subject,
                "html": mail.html,
                "headers": [list(header) for header in mail.headers],
                "links": mail.links,
            }

    # memory and its file

    def _write(self, line: dict[str, Any]) -> None:
        self._history.append(line)
        self._remember(line)
        self.version += 1

    def _remember(self, line: dict[str, Any]) -> None:
        memory = self._memory
        match line["event"]:
            case "sms":
                memory.texts[line["sms"]["sid"]] = _revive(Sms, line["sms"])
            case "call":
                memory.calls[line["call"]["sid"]] = _revive(Call, line["call"])
            case "mail":
                if line["id"] not in memory.mails:
                    memory.mails[line["id"]] = self._open_mail(line, self.raw_mail(line["id"]))
            case "sms_changed":
                if text := memory.texts.get(line["sid"]):
                    memory.texts[text.sid] = replace(text, **line["changes"])
            case "call_changed":
                if call := memory.calls.get(line["sid"]):
                    memory.calls[call.sid] = _revive(Call, asdict(call) | line["changes"])
            case "phone":
                memory.phones[line["number"]] = _revive(Phone, line["phone"])
            case "forgotten":
                self._memory = _Memory(phones=memory.phones)

    def _open_mail(self, line: dict[str, Any], raw: bytes) -> Mail:
        at = datetime.fromisoformat(line["at"])
        return read_mail(raw, mail_id=line["id"], to=line["to"], mail_from=line["mail_from"], at=at)


def now_text() -> str:
    """Now as ISO 8601 in UTC with microseconds, which sorts as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_sid(prefix: str) -> str:
    """An id shaped as Twilio's: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)


def delivery_id_in(url: str) -> str | None:
    """The delivery's id as a callback URL carries it: its last UUID, else the last part of its path."""
    parts = urlsplit(url)
    if found := _UUID.findall(f"{parts.path}?{parts.query}"):
        return str(found[-1])
    return parts.path.rstrip("/").rpartition("/")[2] or None


def _row(sid: str, channel: str, to: str, at: str, sender: str, text: str) -> dict[str, Any]:
    return {
        "id": sid,
        "channel": channel,
        "to": to,
        "from": sender,
        "at": at,
        "subject": "",
        "text": text,
        "html": "",
        "headers": [],
        "links": links_in_text(text),
    }


def _revive(kind: Callable[..., _T], stored: dict[str, Any]) -> _T:
    """Make a record again from JSON, where tuples have become lists."""
    names = {column.name for column in fields(kind)}  # type: ignore[arg-type]  # a dataclass type at each call
    return kind(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in names}
    )
