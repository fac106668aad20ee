"""Who becomes a lead, in which arm, by which route."""

from dataclasses import replace
from datetime import time
from decimal import Decimal
from typing import Any

import pytest

from modori.kernel.ids import new_id
from modori.leads.rules import (
    ContactFacts,
    Eligible,
    LeadFacts,
    NoLead,
    RouteFacts,
    RouteSubject,
    channels_of,
    first_route,
    held_reason,
    is_holdout,
    judge_lead,
    route_matches,
)

MAIL = ContactFacts(
    new_id(), "email", is_mobile=False, is_gone=False, is_stopped=False, ordered=False, consents={"email": True}
)
PHONE = replace(MAIL, contact_point_id=new_id(), kind="phone", is_mobile=True, consents={"sms": True})
FACTS = LeadFacts(
    ordered=False,
    has_items=True,
    has_form=False,
    is_submitted=False,
    has_notice=True,
    has_open_lead=False,
    contacts=[MAIL],
)


@pytest.mark.parametrize(
    ("contact", "has_notice", "channels"),
    [
        (MAIL, True, {"email"}),
        (replace(MAIL, consents={}), True, set()),  # RULES 2: an unfinished order is no relationship
        (replace(MAIL, consents={"email": False}), True, set()),
        (replace(MAIL, consents={"sms": True}), True, set()),
        (replace(MAIL, is_gone=True), True, set()),
        (replace(MAIL, is_stopped=True), True, set()),
        (PHONE, True, {"sms", "call"}),
        (replace(PHONE, is_mobile=False), True, {"call"}),  # RULES 23
        (replace(PHONE, consents={}), True, {"call"}),  # the notice permits a call
        (replace(PHONE, consents={}), False, set()),  # RULES 15
        (replace(PHONE, consents={"call": True}), False, {"call"}),
        (replace(PHONE, consents={"sms": True, "call": False}), True, {"sms"}),  # refused
        (replace(MAIL, kind="line", consents={"line": True}), True, {"line"}),
    ],
)
def test_channels(contact: ContactFacts, has_notice: bool, channels: set[str]) -> None:
    assert channels_of(contact, has_notice=has_notice) == channels


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"ordered": True}, NoLead.ORDERED),
        ({"contacts": [replace(MAIL, ordered=True)]}, NoLead.ORDERED),
        ({"has_items": False}, NoLead.NOTHING_LEFT),
        ({"has_items": False, "has_form": True, "is_submitted": True}, NoLead.FORM_SUBMITTED),
        ({"contacts": []}, NoLead.NO_CONTACT),
        ({"contacts": [replace(MAIL, is_gone=True)]}, NoLead.NO_CONTACT),
        ({"contacts": [replace(MAIL, is_stopped=True)]}, NoLead.STOPPED),
        ({"contacts": [replace(MAIL, consents={})]}, NoLead.NO_CONSENT),
        ({"has_open_lead": True}, NoLead.OPEN_LEAD),
        ({"is_refused": True}, NoLead.CAPTURE_REFUSED),
        ({"is_refused": True, "ordered": True}, NoLead.CAPTURE_REFUSED),  # what is left says nothing any more
        ({"wants_signature": True}, NoLead.UNSIGNED),
        ({"wants_signature": True, "contacts": [replace(MAIL, is_gone=True)]}, NoLead.NO_CONTACT),
        ({"wants_signature": True, "contacts": [replace(MAIL, is_signed=True, is_stopped=True)]}, NoLead.STOPPED),
        ({"wants_signature": True, "contacts": [replace(MAIL, is_signed=True, consents={})]}, NoLead.NO_CONSENT),
    ],
)
def test_why_there_is_no_lead(changed: dict[str, Any], reason: NoLead) -> None:
    assert judge_lead(replace(FACTS, **changed)) is reason


def test_in_signed_mode_a_lead_uses_what_the_server_vouched_for_alone() -> None:
    signed = replace(PHONE, is_signed=True)
    judged = judge_lead(replace(FACTS, wants_signature=True, contacts=[MAIL, signed]))
    assert judged == Eligible((signed.contact_point_id,), frozenset({"sms", "call"}))
    both = judge_lead(replace(FACTS, contacts=[MAIL, signed]))
    assert isinstance(both, Eligible)
    assert set(both.contact_point_ids) == {MAIL.contact_point_id, signed.contact_point_id}


def test_a_lead_uses_only_what_may_be_reached() -> None:
    stopped = replace(MAIL, contact_point_id=new_id(), is_stopped=True)
    answer = judge_lead(replace(FACTS, contacts=[MAIL, PHONE, stopped]))
    assert isinstance(answer, Eligible)
    assert set(answer.contact_point_ids) == {MAIL.contact_point_id, PHONE.contact_point_id}
    assert answer.channels == {"email", "sms", "call"}


def test_a_form_alone_is_enough_while_it_is_not_sent() -> None:
    assert isinstance(judge_lead(replace(FACTS, has_items=False, has_form=True)), Eligible)


@pytest.mark.parametrize(
    ("draw", "pct", "holdout"),
    [(0.0, 0, False), (0.0999, 10, True), (0.1, 10, False), (0.999999, 100, True), (0.0, 1, True)],
)
def test_arms(draw: float, pct: int, holdout: bool) -> None:
    assert is_holdout(draw, holdout_pct=pct) is holdout


SUBJECT = RouteSubject(
    value=Decimal(4980), kinds=frozenset({"email"}), channels=frozenset({"email"}), at_local=time(11, 0)
)


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({}, True),
        ({"min_value": 4980}, True),
        ({"min_value": 4981}, False),
        ({"max_value": 4980}, True),
        ({"max_value": 4979.5}, False),
        ({"contact": ["email"]}, True),
        ({"contact": ["email", "phone"]}, False),
        ({"consent": ["sms"]}, False),
        ({"hours": ["09:00", "11:00"]}, False),
        ({"hours": ["11:00", "18:00"]}, True),
        ({"hours": ["22:00", "12:00"]}, True),  # past midnight
        ({"hours": ["22:00", "06:00"]}, False),
        ({"moon": "full"}, False),  # what we do not know does not hold
    ],
)
def test_routes(conditions: dict[str, Any], matches: bool) -> None:
    assert route_matches(conditions, SUBJECT) is matches


def test_a_form_without_a_value_matches_no_route_that_asks_for_one() -> None:
    assert not route_matches({"max_value": 10**9}, replace(SUBJECT, value=None))


def test_the_first_route_wins() -> None:
    routes = [RouteFacts(new_id(), new_id(), {"min_value": 9999}), *(RouteFacts(new_id(), new_id(), {}),) * 2]
    assert first_route(routes, SUBJECT) is routes[1]
    assert first_route(routes[:1], SUBJECT) is None


def test_holds_name_their_reason() -> None:
    assert held_reason(in_quarantine=False, episode_held=None) is None
    assert held_reason(in_quarantine=True, episode_held=None) == "quarantine"
    assert held_reason(in_quarantine=True, episode_held="contact_points_per_visitor") == "contact_points_per_visitor"
