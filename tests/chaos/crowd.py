"""People: each leaves a cart by the SDK's own request, and a third of them then order or stop, at any moment.

Whatever is answered 2xx is written down with the instant at which the answer was here. What is not answered is asked
again, as a browser or a shop's server would.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx

from modori.kernel.ids import TenantId
from modori.people.model import ContactKind
from modori.people.values import value_index
from tests.chaos.judge import Acknowledged
from tests.world import TenantWorld

GIVE_UP_S = 120.0
"""Nobody asks again for longer than this."""


class Deed(StrEnum):
    """What somebody does after leaving the cart."""

    ORDER_BY_EMAIL = "order by email"
    ORDER_BY_PHONE = "order by phone"
    ORDER_BY_VISITOR = "order by visitor"
    ORDER_BY_CART = "order by cart"
    BROWSER_ORDER = "browser's order"
    STOP_BY_SERVER = "stop by the server"
    STOP_BY_SMS = "stop by SMS"
    ONE_CLICK = "one-click unsubscribe"
    ERASURE = "erasure"


@dataclass(frozen=True)
class Person:
    """Somebody with a cart. `wait_s`: from the moment that the cart was left to the deed."""

    number: int
    visitor: str
    email: str
    phone: str
    deed: Deed | None
    wait_s: float

    @property
    def cart(self) -> str:
        return f"cart-{self.visitor}"


@dataclass
class Memory:
    """What was acknowledged, by the crowd's own clock."""

    events: set[UUID] = field(default_factory=set)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    """Visitors whose cart, name and consents were all acknowledged, and who never tried to order or stop."""
    refusals: list[str] = field(default_factory=list)
    """Answers that nobody should have had."""
    retries: Counter[str] = field(default_factory=Counter)
    """Why somebody asked again: a status, or what went wrong on the way."""
    gave_up: int = 0
    done: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def make_people(count: int, *, seed: int, acting: float = 1 / 3, longest_wait_s: float = 7.0) -> list[Person]:
    """Make people; about `acting` of them will order or stop."""
    dice = random.Random(seed)
    deeds = list(Deed)
    people = []
    for number in range(count):
        visitor = f"v{seed:x}x{number:05d}x{dice.getrandbits(40):010x}"
        acts = dice.random() < acting
        people.append(
            Person(
                number=number,
                visitor=visitor,
                email=f"p{seed:x}.{number}@person.example",
                phone=f"+8190{10_000_000 + (seed * 7919 + number) % 80_000_000}",
                deed=deeds[number % len(deeds)] if acts else None,
                wait_s=dice.uniform(0.0, longest_wait_s),
            )
        )
    return people


@dataclass
class Crowd:
    """Lets people come and go, each on a thread of its own.

    world_url  the sandbox: to read what somebody received, and to answer it
    """

    web_url: str
    world_url: str
    tenant: TenantWorld
    memory: Memory = field(default_factory=Memory)
    _threads: list[threading.Thread] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=32)
        self._client = httpx.Client(timeout=20.0, limits=limits, trust_env=False)

    def come(self, people: list[Person], *, within_s: float) -> None:
        """Let them arrive one after the other, evenly over `within_s`. Returns at once."""
        for place, person in enumerate(people):
            wait_s = within_s * place / max(1, len(people))
            thread = threading.Thread(target=self._live, args=(person, wait_s), daemon=True)
            self._threads.append(thread)
            thread.start()

    def act(self, people: list[Person], deed: Deed) -> None:
        """Let people who have left their carts do something now. Returns at once."""
        with self.memory.lock:
            self.memory.left -= {person.visitor for person in people}
        for person in people:
            thread = threading.Thread(target=self._act, args=(person, deed), daemon=True)
            self._threads.append(thread)
            thread.start()

    def is_over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def end(self) -> None:
        """Nobody asks again after this."""
        self._ended.set()
        for thread in self._threads:
            thread.join(30)
        self._client.close()

    def _live(self, person: Person, wait_s: float) -> None:
        if self._ended.wait(wait_s):
            return
        try:
            if not self._leave_cart(person):
                return
            if person.deed is None:
                with self.memory.lock:
                    self.memory.left.add(person.visitor)
            elif not self._ended.wait(person.wait_s):
                self._act(person, person.deed)
        finally:
            with self.memory.lock:
                self.memory.done += 1

    def _leave_cart(self, person: Person) -> bool:
        """Say as the SDK does: the cart, then who it is and what was agreed to; some of it twice."""
        item = {"id": "p1", "name": "鉄のフライパン", "price": 4980, "quantity": 1, "url": f"{self.tenant.origin}/p1"}
        cart = {"id": person.cart, "currency": "JPY", "value": 4980, "items": [item]}
        agreed = "ご案内を受け取ります"
        say = partial(_event, person, origin=self.tenant.origin)
        flushes = [
            [say("page", {}), say("cart", cart)],
            [
                say("identify", {"email": person.email, "tel": person.phone}),
                *(
                    say("consent", {"channel": channel, "granted": True, "text": agreed})
                    for channel in ("email", "sms")
                ),
            ],
        ]
        for number, events in enumerate(flushes):
            if not self._report(events):
                return False
            if person.number % 7 == number:
                self._report(events)
        return True

    def _report(self, events: list[dict[str, Any]]) -> bool:
        """Post events until they are answered 202. Returns whether every one was taken."""
        envelope = {
            "site": self.tenant.site_key,
            "sdk": "1.0.0",
            "sent_at": _now().isoformat(timespec="milliseconds"),
            "events": events,
        }
        body = json.dumps(envelope, ensure_ascii=False).encode()
        headers = {"Origin": self.tenant.origin, "Content-Type": "text/plain"}
        answer = self._insist(lambda: self._client.post(f"{self.web_url}/v1/events", content=body, headers=headers))
        if answer is None:
            return False
        refused = {one["id"] for one in answer.json()["refused"]}
        with self.memory.lock:
            self.memory.events |= {UUID(one["id"]) for one in events if one["id"] not in refused}
            self.memory.refusals += [json.dumps(one) for one in answer.json()["refused"]]
        return not refused

    def _act(self, person: Person, deed: Deed) -> None:
        match deed:
            case Deed.ORDER_BY_EMAIL:
                self._order(person, email=person.email)
            case Deed.ORDER_BY_PHONE:
                self._order(person, tel=person.phone)
            case Deed.ORDER_BY_VISITOR:
                self._order(person, visitor=person.visitor)
            case Deed.ORDER_BY_CART:
                self._order(person, cart=person.cart)
            case Deed.BROWSER_ORDER:
                claim = {"id": f"B-{person.visitor}", "currency": "JPY", "value": 4980}
                if self._report([_event(person, "order", claim, origin=self.tenant.origin)]):
                    self._note(Acknowledged(f"{deed} {person.visitor}", _now(), visitor=person.visitor))
            case Deed.STOP_BY_SERVER:
                self._ask_server(person, deed, "/v1/stops", {"email": person.email})
            case Deed.ERASURE:
                self._ask_server(person, deed, "/v1/erasures", {"tel": person.phone})
            case Deed.STOP_BY_SMS:
                self._reply_stop(person)
            case Deed.ONE_CLICK:
                self._unsubscribe(person)

    def _order(self, person: Person, **keys: str) -> None:
        order = {"id": f"A-{person.visitor}", "currency": "JPY", "value": 4980, **keys}
        answer = self._insist(lambda: self._with_secret("/v1/orders", order, key=f"order-{person.visitor}"))
        if answer is not None:
            what = f"order by {', '.join(keys)} of {person.visitor}"
            self._note(Acknowledged(what, _now(), visitor=person.visitor))

    def _ask_server(self, person: Person, deed: Deed, path: str, value: dict[str, str]) -> None:
        answer = self._insist(lambda: self._with_secret(path, value, key=f"{deed}-{person.visitor}"))
        if answer is not None:
            closed = [self._address(person, ContactKind.EMAIL if "email" in value else ContactKind.PHONE)]
            self._note(Acknowledged(f"{deed} of {person.visitor}", _now(), addresses=frozenset(closed)))

    def _reply_stop(self, person: Person) -> None:
        """Answer STOP to the number that messages come from, whether one has come yet or not."""

        def reply() -> httpx.Response:
            said = {"from": person.phone, "to": self.tenant.sms_from, "body": "STOP"}
            answer = self._client.post(f"{self.world_url}/control/reply", json=said)
            return httpx.Response(answer.json()["webhook_status"] or 503)

        if self._insist(reply) is not None:
            phone = self._address(person, ContactKind.PHONE)
            self._note(Acknowledged(f"STOP of {person.visitor}", _now(), addresses=frozenset({phone})))

    def _unsubscribe(self, person: Person) -> None:
        """Wait for a mail, and do what its own header says."""
        url = self._await_unsubscribe_url(person)
        if url is None:
            return
        form = {"List-Unsubscribe": "One-Click"}
        if self._insist(lambda: self._client.post(url, data=form)) is not None:
            email = self._address(person, ContactKind.EMAIL)
            self._note(Acknowledged(f"one click of {person.visitor}", _now(), addresses=frozenset({email})))

    def _await_unsubscribe_url(self, person: Person) -> str | None:
        deadline = time.monotonic() + GIVE_UP_S / 2
        while time.monotonic() < deadline and not self._ended.wait(0.5):
            try:
                mails = self._client.get(f"{self.world_url}/messages", params={"to": person.email}).json()
            except httpx.HTTPError:
                continue
            for mail in mails:
                headers = {str(name).lower(): str(value) for name, value in mail["headers"]}
                for part in headers.get("list-unsubscribe", "").split(","):
                    if part.strip().startswith("<http"):
                        return part.strip().strip("<>").replace("\r\n", "").replace(" ", "")
        return None

    def _with_secret(self, path: str, said: dict[str, Any], *, key: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tenant.secret_key}", "Idempotency-Key": key}
        return self._client.post(f"{self.web_url}{path}", json=said, headers=headers)

    def _insist(self, ask: Callable[[], httpx.Response]) -> httpx.Response | None:
        """Ask until the answer is 2xx. None: never, or refused in a way that asking again does not mend."""
        deadline, pause_s = time.monotonic() + GIVE_UP_S, 0.2
        while time.monotonic() < deadline and not self._ended.is_set():
            try:
                answer, why = ask(), ""
            except (httpx.HTTPError, ValueError) as error:
                answer, why = None, type(error).__name__
            if answer is not None and answer.is_success:
                return answer
            if answer is not None and answer.status_code < 500 and answer.status_code not in (408, 409, 429):
                with self.memory.lock:
                    self.memory.refusals.append(f"{answer.status_code} {answer.text[:300]}")
                return None
            with self.memory.lock:
                self.memory.retries[why or str(answer and answer.status_code)] += 1
            time.sleep(pause_s)
            pause_s = min(2.0, pause_s * 1.5)
        with self.memory.lock:
            self.memory.gave_up += 1
        return None

    def _note(self, acknowledged: Acknowledged) -> None:
        with self.memory.lock:
            self.memory.acknowledged.append(acknowledged)

    def _address(self, person: Person, kind: ContactKind) -> str:
        value = person.email if kind is ContactKind.EMAIL else person.phone
        return address_of(self.tenant.tenant_id, kind, value)


def address_of(tenant_id: TenantId, kind: ContactKind, value: str) -> str:
    """Spell a contact point as the ledgers do: its kind and its blind index."""
    return f"{kind.value}:{value_index(tenant_id, kind, value).hex()}"


def _event(person: Person, kind: str, said: dict[str, Any], *, origin: str) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "type": kind,
        "at": _now().isoformat(timespec="milliseconds"),
        "visitor": person.visitor,
        "page": {"url": f"{origin}/checkout", "title": "ご購入手続き"},
        "data": said,
    }


def _now() -> datetime:
    return datetime.now(UTC)
