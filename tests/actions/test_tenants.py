"""Clients, sites and keys are made, changed and taken away."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from modori.kernel.errors import BadInput, NotFound
from modori.storage import db
from modori.tenants import actions as tenants
from modori.tenants import keys
from modori.tenants.model import CaptureMode, KeyKind
from modori.tenants.queries import get_agency, get_tenant
from modori.tenants.rules import BadOrigin, BeyondLimit
from modori.tenants.sites import actions, queries
from modori.tenants.switches import resume_sending, stop_sending
from modori.tenants.wire import LimitsChange, SiteChange, TenantChange
from tests.world import World


def test_a_new_site_is_silent_and_careful(world: World) -> None:
    acme = world.acme.tenant_id
    with db.tenant_transaction(acme) as session:
        change = SiteChange(name="second", origins=["https://Second.acme.example/"])
        site = actions.make_site(session, tenant_id=acme, change=change, now=world.now)
    assert site.capture_mode == CaptureMode.OFF
    assert site.origins == ["https://second.acme.example"]
    assert site.quarantine_until == world.now + timedelta(days=7)
    assert (site.timezone, site.holdout_pct) == ("Asia/Tokyo", 10)
    assert site.hours["call"]["weekday"] == [["09:00", "20:00"]]


def test_an_american_site_starts_from_its_countrys_table(world: World) -> None:
    acme = world.acme.tenant_id
    with db.tenant_transaction(acme) as session:
        change = SiteChange(name="us", origins=["https://us.acme.example"], country="US", timezone="America/Chicago")
        site = actions.make_site(session, tenant_id=acme, change=change, now=world.now)
    assert (site.timezone, site.locale) == ("America/Chicago", "en")
    assert site.hours["call"]["holiday"] == [["08:00", "21:00"]]


@pytest.mark.parametrize("mode", [CaptureMode.NOTICE, CaptureMode.AFTER_CONSENT])
def test_rules15_capture_wants_a_notice(world: World, mode: CaptureMode) -> None:
    acme = world.acme
    change = SiteChange(capture_mode=mode, notice_text=None)
    with db.tenant_transaction(acme.tenant_id) as session, pytest.raises(BadInput):
        actions.change_site(session, tenant_id=acme.tenant_id, site_id=acme.site_id, change=change, now=world.now)


def test_each_notice_of_a_site_is_kept_with_its_beginning(world: World) -> None:
    acme = world.acme

    def change(at: datetime, **said: Any) -> None:
        with db.tenant_transaction(acme.tenant_id) as session:
            wanted = SiteChange.model_validate(said)
            actions.change_site(session, tenant_id=acme.tenant_id, site_id=acme.site_id, change=wanted, now=at)

    hour = timedelta(hours=1)
    change(world.now + hour, notice_text="second")
    change(world.now + 2 * hour, name="another name", notice_text="second")
    change(world.now + 3 * hour, capture_mode="after-consent")
    with db.tenant_transaction(acme.tenant_id) as session:
        kept = queries.list_notice_versions(session, tenant_id=acme.tenant_id, site_id=acme.site_id)
    assert [(one.from_at - world.now, one.capture_mode.value) for one in kept] == [
        (3 * hour, "after-consent"),
        (hour, "notice"),
        (timedelta(0), "notice"),
    ]
    assert [one.text for one in kept][:2] == ["second", "second"]
    assert kept[0].text_hash == hashlib.sha256(b"second").digest()
    with db.tenant_transaction(world.stranger.tenant_id) as session:
        assert queries.list_notice_versions(session, tenant_id=acme.tenant_id, site_id=acme.site_id) == []


def test_a_change_leaves_alone_what_it_does_not_name(world: World) -> None:
    acme = world.acme
    with db.tenant_transaction(acme.tenant_id) as session:
        before = queries.get_site(session, tenant_id=acme.tenant_id, site_id=acme.site_id).model_dump()
    with db.tenant_transaction(acme.tenant_id) as session:
        actions.change_site(
            session,
            tenant_id=acme.tenant_id,
            site_id=acme.site_id,
            change=SiteChange(abandon_after_s=600),
            now=world.now,
        )
    with db.tenant_transaction(acme.tenant_id) as session:
        after = queries.get_site(session, tenant_id=acme.tenant_id, site_id=acme.site_id).model_dump()
    assert after == before | {"abandon_after_s": 600}


@pytest.mark.parametrize(
    "change",
    [
        {"timezone": "Asia/Atlantis"},
        {"holdout_pct": 101},
        {"abandon_after_s": 0},
        {"locale": "tlh"},
        {"country": "Japan"},
        {"origins": []},
        {"nonsense": 1},
    ],
)
def test_policies_out_of_bounds_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        SiteChange.model_validate(change)


def test_a_foreign_origin_is_refused_with_its_name() -> None:
    with pytest.raises(BadOrigin):
        SiteChange.model_validate({"origins": ["https://shop.example/cart"]})


def test_a_client_without_what_the_law_wants_is_refused(world: World) -> None:
    acme = world.acme.tenant_id
    with db.tenant_transaction(acme) as session, pytest.raises(BadInput) as refused:
        tenants.make_tenant(session, tenant_id=acme, particulars=TenantChange(name="x"), now=world.now)
    assert refused.value.extra["fields"] == [
        "sender_name",
        "postal_address",
        "complaint_contact",
        "goods_kind",
        "mail_from",
        "sms_from",
        "voice_from",
    ]


def test_a_revoked_key_says_so_and_its_text_is_stored_nowhere(world: World) -> None:
    acme = world.acme
    with db.tenant_transaction(acme.tenant_id) as session:
        key, plain = keys.issue_site_key(
            session, tenant_id=acme.tenant_id, site_id=acme.site_id, kind=KeyKind.SECRET, now=world.now
        )
        assert plain.startswith("sk_")
        assert key.shown == plain[:8]
        assert plain.encode() not in key.key_hash
        keys.revoke_site_key(session, tenant_id=acme.tenant_id, key_id=key.key_id, now=world.now)
    with db.agency_transaction() as session:
        found = queries.find_site_key(session, key_hash=keys.key_hash(plain))
    assert found is not None
    assert found.revoked_at == world.now


def test_g7_a_strangers_key_cannot_be_revoked(world: World) -> None:
    stranger = world.stranger
    with db.tenant_transaction(stranger.tenant_id) as session:
        [key, *_] = queries.list_site_keys(session, tenant_id=stranger.tenant_id, site_id=stranger.site_id)
    with db.tenant_transaction(world.acme.tenant_id) as session, pytest.raises(NotFound):
        keys.revoke_site_key(session, tenant_id=stranger.tenant_id, key_id=key.key_id, now=world.now)


def test_switches_shut_and_open(world: World) -> None:
    acme = world.acme
    with db.tenant_transaction(acme.tenant_id) as session:
        stop_sending(session, tenant_id=acme.tenant_id, reason="test", now=world.now)
        stop_sending(session, tenant_id=acme.tenant_id, site_id=acme.site_id, reason="test", now=world.now)
    with db.tenant_transaction(acme.tenant_id) as session:
        tenant = get_tenant(session, tenant_id=acme.tenant_id)
        site = queries.get_site(session, tenant_id=acme.tenant_id, site_id=acme.site_id)
        assert tenant.sending_stopped_at == site.sending_stopped_at == world.now
        resume_sending(session, tenant_id=acme.tenant_id)
        resume_sending(session, tenant_id=acme.tenant_id, site_id=acme.site_id)
        assert tenant.sending_stopped_at is site.sending_stopped_at is None


@pytest.fixture
def limits(world: World) -> Iterator[Callable[..., dict[str, Any]]]:
    """Changes the agency's limits until the test ends: it is everybody's."""

    def change(**figures: int) -> dict[str, Any]:
        with db.agency_transaction() as session:
            return tenants.change_limits(session, change=LimitsChange.model_validate(figures))

    with db.agency_transaction() as session:
        before = tenants.limits_of(get_agency(session))
    yield change
    change(**before)


def test_rules31_a_site_may_tighten_and_not_loosen(world: World, limits: Callable[..., dict[str, Any]]) -> None:
    acme = world.acme

    def change(**figures: int) -> dict[str, Any]:
        with db.tenant_transaction(acme.tenant_id) as session:
            wanted = SiteChange.model_validate(figures)
            return actions.change_site(
                session, tenant_id=acme.tenant_id, site_id=acme.site_id, change=wanted, now=world.now
            )

    assert change(message_gap_s=86_400, dials_per_day=1) == {
        "fields": ["dials_per_day", "message_gap_s"],
        "numbers": {"dials_per_day": [2, 1], "message_gap_s": [72_000, 86_400]},
    }
    with pytest.raises(BeyondLimit) as refused:
        change(messages_per_contact_week=1_000_000, message_gap_s=0)
    assert refused.value.extra["fields"] == ["message_gap_s", "messages_per_contact_week"]
    assert limits(messages_per_contact_week=5)["numbers"] == {"messages_per_contact_week": [3, 5]}
    assert change(messages_per_contact_week=5)["numbers"] == {"messages_per_contact_week": [3, 5]}


def test_rules31_a_new_site_is_bound_by_the_limits(world: World) -> None:
    change = SiteChange(name="loose", origins=["https://loose.acme.example"], first_messages_per_contact_day=2)
    with db.tenant_transaction(world.acme.tenant_id) as session, pytest.raises(BeyondLimit):
        actions.make_site(session, tenant_id=world.acme.tenant_id, change=change, now=world.now)
