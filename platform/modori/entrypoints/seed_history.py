"""A week of history for the demo, made by the real actions under a moved clock, against the real sandbox.

Each story is one person: what they left, and what followed. Mail and SMS really go out to the sandbox; promises are
relayed and their jobs run here, in this thread, at the story's own time.
"""

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from modori.api import taking
from modori.background import relay
from modori.billing import actions as billing
from modori.billing import scans as billing_scans
from modori.calls import actions as calls
from modori.calls import desk, openings
from modori.calls.dispositions import dispose
from modori.calls.model import Disposition
from modori.calls.rules import Leg, OpeningLine
from modori.capture.context import SiteContext
from modori.capture.queries import find_current_episode
from modori.capture.reading import Reading, read_event
from modori.capture.rules import Mark
from modori.capture.sightings.counts import Counts
from modori.channels import actions as channels
from modori.channels.wire import Visit
from modori.entrypoints import wiring
from modori.entrypoints.sdk import sdk_integrity
from modori.entrypoints.seed_passers import PASSERS, Passer, form_of, survey, times
from modori.entrypoints.seed_stories import CHEAP, PRICES, STORIES, Story
from modori.kernel import clock
from modori.kernel.ids import CallTaskId, DeliveryId, EpisodeId, LeadId, OrderId, ResultId, UserId, new_id
from modori.leads.actions import settle_episode
from modori.leads.model import LeadState
from modori.leads.queries import find_lead_of_episode
from modori.outcomes import actions as outcomes
from modori.outcomes.model import OrderSource, ReversalReason
from modori.outcomes.queries import find_result_of_order
from modori.outcomes.reversals import record_reversal
from modori.outcomes.wire import OrderIn, OrderItem, ReversalIn
from modori.outreach import actions as outreach
from modori.outreach.dispatch import Dispatcher
from modori.sending import queries as touches
from modori.sending.deliveries import actions as deliveries
from modori.sending.deliveries import queries as delivery_queries
from modori.sending.model import ReportStatus
from modori.sending.ports import Accepted
from modori.storage.db import tenant_transaction

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile Safari/604.1"


@dataclass
class History:
    """Plays stories for one site.

    now       the instant at which history ends: a story of 0 days ago is some minutes older
    inbox     base URL of the sandbox's phone and inbox
    operator  who makes the calls · reviewer: who decides on results
    """

    site: SiteContext
    shop: str
    inbox: str
    dispatcher: Dispatcher
    operator: UserId
    reviewer: UserId
    now: datetime
    _story: Story = field(default=STORIES[0], init=False)
    _number: int = field(default=0, init=False)
    _visitor: str = field(default="", init=False)
    _at: datetime = field(init=False)
    _lead_id: LeadId | None = field(default=None, init=False)
    _order_id: OrderId | None = field(default=None, init=False)

    def play(self, stories: Sequence[Story] = STORIES) -> None:
        """Play them, oldest first."""
        deeds = {
            "mail": lambda: self._send("email"),
            "sms": lambda: self._send("sms"),
            "call_task": lambda: self._send("call"),
            "call_buy": lambda: self._call(Disposition.WILL_BUY, talk_s=95),
            "call_refused": lambda: self._call(Disposition.REFUSED, talk_s=20),
            "call_none": lambda: self._call(Disposition.NO_ANSWER, talk_s=None),
            "click": self._click,
            "unsubscribe": self._unsubscribe,
            "stop": self._reply_stop,
            "order": self._buy,
            "approve": lambda: self._decide(approved=True),
            "refuse": lambda: self._decide(approved=False),
            "reverse": self._return_goods,
        }
        for self._number, self._story in enumerate(stories, start=1):
            self._at = self.now - timedelta(days=self._story.days_ago, minutes=self._story.minute + 5)
            self._visitor, self._lead_id, self._order_id = new_id().hex, None, None
            self._leave()
            for deed in self._story.then:
                deeds[deed]()
                self._follow()

    def pass_by(self, passers: Sequence[Passer] = PASSERS) -> None:
        """Let people fill a cart, begin the form and go; nobody can write to them. A crawler comes by, too."""
        for passer in passers:
            self._at = self.now - timedelta(days=passer.days_ago, minutes=passer.minute + 5)
            self._visitor = new_id().hex
            self._visit("kyusu")
            name, price = PRICES["kyusu"]
            item = {"id": "kyusu", "name": name, "price": price, "quantity": 1, "stock": 12}
            self._tell("cart", {"currency": "JPY", "value": price, "items": [item], "url": f"{self.shop}/cart"})
            self._tell("form", form_of(passer))
            self._at += timedelta(seconds=self.site.abandon_after_s + 1)
            self._settle()
        self._visitor = new_id().hex
        self._tell("page", {"kind": "product"}, url=f"{self.shop}/products/kyusu", mark=Mark.BOT)
        seen, site = Counts(), self.site
        seen.note(
            site.tenant_id, site.site_id, "foreign_origin", now=self._at, subject="https://staging.minato-dougu.example"
        )
        seen.write_if_due()

    def _visit(self, item: str) -> None:
        """Look at the goods, the cart and the checkout, as the tag reports it."""
        health = {"errors": 0, "queued": 0, "dropped": 0}
        for kind, path in (("product", f"/products/{item}"), ("cart", "/cart"), ("checkout", "/checkout")):
            self._tell("page", {"kind": kind, "health": health}, url=f"{self.shop}{path}")

    def _leave(self) -> None:
        """Fill a cart and a form, and go; a lead follows where the person may be contacted."""
        story = self._story
        name, price = PRICES.get(story.item, CHEAP)
        item = {"id": story.item, "name": name, "price": price, "quantity": story.quantity, "stock": 12}
        cart = {"currency": "JPY", "value": price * story.quantity, "items": [item], "url": f"{self.shop}/cart"}
        fields = {"family-name": story.family, "given-name": story.given, "email": self._email}
        if story.tel:
            fields["tel"] = story.tel
        self._visit(story.item)
        self._tell("cart", cart)
        for channel in story.consents:
            text = "メールでご案内を受け取る" if channel == "email" else "SMSでご案内を受け取る"
            self._tell("consent", {"channel": channel, "granted": True, "text": text, "control": f"#optin-{channel}"})
        last = "postal-code"
        told = {"form": "checkout", "fields": fields, "last_field": last, "progress": 0.7, "survey": survey()}
        self._tell("form", told | {"times": times(last, ms=11_000 + 900 * self._number, edits=self._number % 3)})
        self._at += timedelta(seconds=7)
        episode_id = self._settle()
        tenant_id = self.site.tenant_id
        with tenant_transaction(tenant_id) as session:
            lead = find_lead_of_episode(session, tenant_id=tenant_id, episode_id=episode_id)
        self._lead_id = LeadId(lead.lead_id) if lead else None

    def _settle(self) -> EpisodeId:
        """Judge the visitor's episode idle, and do what follows."""
        tenant_id = self.site.tenant_id
        with tenant_transaction(tenant_id) as session:
            episode = find_current_episode(
                session, tenant_id=tenant_id, site_id=self.site.site_id, visitor=self._visitor
            )
            assert episode is not None
            episode_id = EpisodeId(episode.episode_id)
            settle_episode(session, tenant_id=tenant_id, episode_id=episode_id, now=self._at)
        self._follow()
        return episode_id

    def _send(self, channel: str) -> None:
        """Let the step of a channel fall due, and dispatch it."""
        assert self._lead_id is not None
        tenant_id = self.site.tenant_id
        with tenant_transaction(tenant_id) as session:
            steps = touches.list_touches_of_lead(session, tenant_id=tenant_id, lead_id=self._lead_id)
            step = next(one for one in steps if one.channel == channel)
            self._at = max(self._at, step.due_at) + timedelta(seconds=1)
            touches.set_touch(session, tenant_id=tenant_id, touch_id=step.touch_id, state="claimed")
        with clock.moved_to(self._at):
            self.dispatcher.dispatch_touches(str(tenant_id), [str(step.touch_id)])
            self._at = clock.now()
        with tenant_transaction(tenant_id) as session:
            delivery_id = delivery_queries.find_delivery_of_touch(session, tenant_id=tenant_id, touch_id=step.touch_id)
            if channel == "sms" and delivery_id is not None:
                sent, status = DeliveryId(delivery_id), ReportStatus.DELIVERED
                deliveries.apply_report(session, tenant_id=tenant_id, delivery_id=sent, status=status, now=self._at)

    def _click(self) -> None:
        """Follow the newest message back to the cart; the site's next event confirms the click."""
        self._at += timedelta(minutes=3)
        token = self._token("/t/")
        tenant_id = self.site.tenant_id
        with tenant_transaction(tenant_id) as session:
            ref = channels.resolve_link(session, token=token)
            assert ref is not None
            visit = Visit(user_agent=PHONE)
            channels.open_restore_link(session, tenant_id=tenant_id, link_id=ref.link_id, visit=visit, now=self._at)
        self._at += timedelta(seconds=2)
        self._tell("page", {}, url=f"{self.shop}/cart?modori_t={token}")

    def _unsubscribe(self) -> None:
        """Use the mail's one-click unsubscription."""
        self._at += timedelta(minutes=9)
        token = self._token("/u/")
        tenant_id = self.site.tenant_id
        with tenant_transaction(tenant_id) as session:
            ref = channels.resolve_link(session, token=token)
            assert ref is not None
            channels.opt_out(session, tenant_id=tenant_id, link_id=ref.link_id, is_one_click=True, now=self._at)

    def _reply_stop(self) -> None:
        self._at += timedelta(minutes=4)
        with tenant_transaction(self.site.tenant_id) as session:
            channels.take_reply(
                session,
                tenant_id=self.site.tenant_id,
                from_e164=self._story.tel or "",
                body="停止",
                provider_ref=f"SMhistory{self._number}",
                now=self._at,
            )

    def _call(self, disposition: Disposition, *, talk_s: int | None) -> None:
        """Take the person from the queue, dial, read the lines, talk, and say how it ended."""
        self._send("call")
        tenant_id, me = self.site.tenant_id, self.operator
        with clock.moved_to(self._at):
            task = desk.claim_next([tenant_id], user_id=me)
        assert task is not None
        task_id = CallTaskId(task.call_task_id)
        self._at += timedelta(seconds=4)
        with tenant_transaction(tenant_id) as session:
            started = calls.start_call(
                session,
                tenant_id=tenant_id,
                task_id=task_id,
                user_id=me,
                deadline_s=self.dispatcher.deadline_s,
                costs=self.dispatcher.prices.dial_minor,
                now=self._at,
            )
        assert isinstance(started, calls.StartedCall)
        call_id = started.call_id
        with tenant_transaction(tenant_id) as session:
            answer = Accepted(f"CAhistory{self._number}")
            calls.record_dial(session, tenant_id=tenant_id, permit=started.permit, answer=answer, now=self._at)
        with tenant_transaction(tenant_id) as session:
            calls.answer_bridge(session, tenant_id=tenant_id, call_id=call_id, now=self._at)
        if talk_s is not None:
            self._report(call_id, ReportStatus.ANSWERED, Leg.CUSTOMER)
            for line in OpeningLine:
                self._at += timedelta(seconds=2)
                with tenant_transaction(tenant_id) as session:
                    openings.tick_opening(
                        session, tenant_id=tenant_id, call_id=call_id, user_id=me, line=line, now=self._at
                    )
        self._at += timedelta(seconds=talk_s or 25)
        ending = ReportStatus.COMPLETED if talk_s is not None else ReportStatus.NO_ANSWER
        self._report(call_id, ending, Leg.CUSTOMER, talk_s=talk_s)
        self._report(call_id, ReportStatus.COMPLETED, Leg.OPERATOR)
        with tenant_transaction(tenant_id) as session:
            dispose(session, tenant_id=tenant_id, task_id=task_id, user_id=me, disposition=disposition, now=self._at)
        if disposition is Disposition.NO_ANSWER:
            self._end_plan()

    def _report(self, call_id: Any, status: ReportStatus, leg: Leg, *, talk_s: int | None = None) -> None:
        with tenant_transaction(self.site.tenant_id) as session:
            calls.apply_call_report(
                session,
                tenant_id=self.site.tenant_id,
                call_id=call_id,
                status=status,
                leg=leg,
                talk_s=talk_s,
                now=self._at,
            )

    def _end_plan(self) -> None:
        """Close what nobody took up again: the demo's queue shows today's people."""
        assert self._lead_id is not None
        with tenant_transaction(self.site.tenant_id) as session:
            outreach.end_lead(
                session,
                tenant_id=self.site.tenant_id,
                lead_id=self._lead_id,
                state=LeadState.EXHAUSTED,
                because="plan:done",
                now=self._at,
            )

    def _buy(self) -> None:
        """Order, as the shop's server says it; the thank-you page is seen."""
        self._at += timedelta(minutes=6)
        story = self._story
        name, price = PRICES.get(story.item, CHEAP)
        order = OrderIn(
            id=f"H-{1000 + self._number}",
            currency="JPY",
            value=Decimal(price * story.quantity),
            at=self._at,
            items=(OrderItem(id=story.item, name=name, price=Decimal(price), quantity=story.quantity),),
            email=self._email,
            visitor=self._visitor,
        )
        with tenant_transaction(self.site.tenant_id) as session:
            recorded = outcomes.record_order(
                session,
                tenant_id=self.site.tenant_id,
                site_id=self.site.site_id,
                order=order,
                source=OrderSource.SERVER,
                now=self._at,
            )
            self._order_id = OrderId(recorded.order.order_id)
        self._tell("page", {"kind": "thanks"}, url=f"{self.shop}/thanks")

    def _decide(self, *, approved: bool) -> None:
        """Let the hold end, and the client's reviewer approve or refuse."""
        assert self._order_id is not None
        self._at += timedelta(hours=3)
        with clock.moved_to(self._at):
            billing_scans.release_holds()
        tenant_id = self.site.tenant_id
        with tenant_transaction(tenant_id) as session:
            result = find_result_of_order(session, tenant_id=tenant_id, order_id=self._order_id)
            assert result is not None
            result_id = ResultId(result.result_id)
            if approved:
                billing.approve_result(
                    session, tenant_id=tenant_id, result_id=result_id, user_id=self.reviewer, now=self._at
                )
            else:
                billing.refuse_result(
                    session,
                    tenant_id=tenant_id,
                    result_id=result_id,
                    user_id=self.reviewer,
                    note="店頭でのご購入と重複しています",
                    now=self._at,
                )

    def _return_goods(self) -> None:
        self._at += timedelta(hours=20)
        with tenant_transaction(self.site.tenant_id) as session:
            record_reversal(
                session,
                tenant_id=self.site.tenant_id,
                site_id=self.site.site_id,
                order_external_id=f"H-{1000 + self._number}",
                reversal=ReversalIn(id=f"R-{1000 + self._number}", reason=ReversalReason.RETURN, at=self._at),
                now=self._at,
            )

    @property
    def _email(self) -> str:
        return f"guest{self._number:02d}@example.jp"

    def _tell(self, kind: str, told: dict[str, Any], *, url: str | None = None, mark: Mark | None = None) -> None:
        """Report one event as the SDK would."""
        release = sdk_integrity()
        event = {
            "id": str(new_id()),
            "type": kind,
            "at": self._at.isoformat(),
            "visitor": self._visitor,
            "page": {"url": url or f"{self.shop}/checkout", "title": "ご注文手続き"},
            "data": told,
        }
        reading = Reading(
            origins=self.site.origins,
            country=self.site.country,
            is_server=False,
            capture_off=False,
            sent_at=self._at,
            received_at=self._at,
            sdk=release.version if release else None,
            mark=mark,
        )
        taking.take(self.site, [read_event(event, reading)], received_at=self._at, ip_index=None)

    def _follow(self) -> None:
        """Relay what was promised, and do it, until nothing is left."""
        jobs = wiring.jobs()
        with clock.moved_to(self._at):
            while relay.relay_once(
                wiring.subscribers(), tell=lambda name, tenant_id, work_id: jobs[name](tenant_id, work_id)
            ):
                pass
            self._at = clock.now()

    def _token(self, path: str) -> str:
        """Read the token of a link from the newest message in the sandbox's inbox that has one."""
        found: list[str] = []
        for to in filter(None, (self._email, self._story.tel)):
            with urllib.request.urlopen(f"{self.inbox}/messages?to={quote(to)}", timeout=10) as answer:  # noqa: S310  # the sandbox's
                for message in json.load(answer):
                    found += [link.rpartition("/")[2] for link in message["links"] if path in link]
        return found[-1]
