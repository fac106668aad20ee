"""Prepare, links, clicks, opt-outs and replies on real rows, with a stranger in the room."""

from datetime import timedelta
from uuid import uuid4

import pytest

from modori.channels import actions as channels
from modori.channels.model import LinkKind
from modori.channels.queries import list_tenants_of_number
from modori.channels.rules import ReplyEffect
from modori.channels.wire import Unpreparable, UnpreparableReason, Visit, Wording
from modori.kernel.errors import NotFound
from modori.kernel.ids import TenantId
from modori.leads.model import LeadState
from modori.outreach.default_wordings import default_wording
from modori.outreach.model import Purpose
from modori.people import actions as people
from modori.people import queries as people_queries
from modori.people.model import Channel, ContactKind, EvidenceSource, StopReason
from modori.people.rules import standing_stop
from modori.people.values import value_index
from modori.sending.ports import ForgedPermit, Permit
from modori.storage.db import agency_transaction, read_transaction, tenant_transaction
from modori.tenants.model import Tenant
from tests.channelworld import PUBLIC_URL, SentWorld, send
from tests.leadworld import make_lead
from tests.questions import ask_one, change
from tests.world import NOW, World

PHONE = Visit("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile Safari/604.1")
LATER = NOW + timedelta(minutes=10)


def open_link(sent: SentWorld, *, visit: Visit | None = PHONE, at: timedelta = timedelta(minutes=10)) -> str | None:
    tenant_id = sent.lead.tenant.tenant_id
    with agency_transaction() as session:
        link = channels.resolve_link(session, token=sent.token(LinkKind.RESTORE))
    assert link is not None
    assert link.tenant_id == tenant_id
    with tenant_transaction(tenant_id) as session:
        found = channels.open_restore_link(
            session, tenant_id=tenant_id, link_id=link.link_id, visit=visit, now=NOW + at
        )
    return None if found is None else found.url


def clicks(sent: SentWorld, where: str = "true") -> int:
    tenant_id = sent.lead.tenant.tenant_id
    return int(ask_one(tenant_id, f"select count(*) from click where lead_id = :id and {where}", id=sent.lead.lead_id))


def is_stopped(tenant_id: TenantId, kind: ContactKind, value: str, channel: Channel) -> bool:
    key = (kind, value_index(tenant_id, kind, value))
    with read_transaction([tenant_id]) as session:
        stops = people_queries.list_stops(session, tenant_id=tenant_id, indexes=[key])[key]
    return standing_stop(stops, channel) is not None


def test_an_erased_address_gets_no_message(world: World) -> None:
    lead = make_lead(world.acme)
    tenant_id = world.acme.tenant_id
    with tenant_transaction(tenant_id) as session:
        people.erase_contact(
            session,
            tenant_id=tenant_id,
            kind=ContactKind.EMAIL,
            value_index=value_index(tenant_id, ContactKind.EMAIL, lead.value),
            requested_by="user:test",
            now=NOW,
        )
    with read_transaction([tenant_id]) as session:
        answer = channels.prepare(
            session,
            tenant_id=tenant_id,
            touch_id=lead.touch_id,
            wording=Wording("a", "b", "ja"),
            public_url=PUBLIC_URL,
            now=NOW,
        )
    assert answer == Unpreparable(UnpreparableReason.ADDRESS_GONE)


def test_g7_a_strangers_touch_is_not_found(world: World) -> None:
    lead = make_lead(world.stranger)
    with read_transaction([world.acme.tenant_id]) as session, pytest.raises(NotFound):
        channels.prepare(
            session,
            tenant_id=world.acme.tenant_id,
            touch_id=lead.touch_id,
            wording=Wording("a", "b", "ja"),
            public_url=PUBLIC_URL,
            now=NOW,
        )


def test_a_message_speaks_its_language_and_takes_its_channels_sender(world: World) -> None:
    mail, sms = send(world.acme), send(world.acme, channel=Channel.SMS)
    assert mail.prepared.sender.address == "shop@acme.example"
    assert sms.prepared.sender.address == world.acme.sms_from
    assert mail.prepared.to_value == mail.lead.value


def test_a_call_script_names_operator_and_goods(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.CALL)
    with read_transaction([world.acme.tenant_id]) as session:
        for locale, goods in (("ja", "台所用品"), ("en", "kitchen goods")):
            script = channels.render_script(
                session,
                tenant_id=world.acme.tenant_id,
                touch_id=lead.touch_id,
                wording=default_wording(Channel.CALL, Purpose.LAST_NOTICE, locale),
                operator_name="佐藤",
            )
            assert isinstance(script, str)
            assert goods in script
            assert "佐藤" in script


def test_g4_links_go_on_record_with_a_real_permit_only(world: World) -> None:
    sent = send(world.acme)
    names = [name for name in Permit.__slots__ if name != "_made_by"]
    forged = Permit(**{name: getattr(sent.permit, name) for name in names})
    with tenant_transaction(world.acme.tenant_id) as session, pytest.raises(ForgedPermit):
        channels.store_links(session, permit=forged, links=sent.prepared.links, now=NOW)


def test_a_token_is_stored_as_its_hash_and_found_before_the_tenant_is_known(world: World) -> None:
    sent = send(world.acme)
    token = sent.token(LinkKind.RESTORE)
    stored = ask_one(world.acme.tenant_id, "select string_agg(link::text, ' ') from link where lead_id = :id",
                     id=sent.lead.lead_id)  # fmt: skip
    assert token not in stored
    with agency_transaction() as session:
        assert channels.resolve_link(session, token="x" * 22) is None
        assert channels.resolve_link(session, token="x' or true --") is None


def test_a_link_leads_to_the_cart_and_counts_one_click(world: World) -> None:
    sent = send(world.acme)
    assert open_link(sent) == "https://shop.acme.example/cart"
    assert clicks(sent, "suspect is null") == 1


def test_a_look_is_no_click(world: World) -> None:
    sent = send(world.acme)
    assert open_link(sent, visit=None) == "https://shop.acme.example/cart"
    assert clicks(sent) == 0


def test_scanners_and_hasty_clicks_are_marked(world: World) -> None:
    sent = send(world.acme)
    open_link(sent, visit=Visit("Googlebot/2.1"))
    open_link(sent, at=timedelta(seconds=1.9))
    assert clicks(sent, "suspect = 'scanner'") == clicks(sent, "suspect = 'too_soon'") == 1
    assert clicks(sent, "suspect is null") == 0


def test_a_token_in_a_loop_fills_no_table(world: World) -> None:
    sent = send(world.acme)
    for _ in range(channels.MOST_CLICKS + 5):
        open_link(sent)
    assert clicks(sent) == channels.MOST_CLICKS


@pytest.mark.parametrize(
    "what",
    [
        "update episode set ordered_at = now() where episode_id = :episode",
        "update episode set state = 'expired' where episode_id = :episode",
        f"update lead set state = '{LeadState.ERASED}' where lead_id = :lead",
        "update contact_point set erased_at = now(), value = null where contact_point_id = :point",
        "update link set target_url = 'https://evil.example/'",
        "update site set origins = '{https://new.acme.example}'",
        "update site set episode_expires_after_s = 60",
    ],
)
def test_g8_when_there_is_nothing_to_go_back_to_a_link_leads_to_the_sites_top(world: World, what: str) -> None:
    sent = send(world.acme)
    ids = {"episode": sent.lead.episode_id, "lead": sent.lead.lead_id, "point": sent.lead.contact_point_id}
    change(world.acme.tenant_id, what, **{name: value for name, value in ids.items() if f":{name}" in what})
    top = "https://new.acme.example/" if "new.acme" in what else "https://shop.acme.example/"
    assert open_link(sent) == top


def confirm(sent: SentWorld, *, at: timedelta, tenant_id: TenantId | None = None) -> bool:
    tenant_id = tenant_id or sent.lead.tenant.tenant_id
    with tenant_transaction(tenant_id) as session:
        return channels.confirm_click(
            session, tenant_id=tenant_id, token=sent.token(LinkKind.RESTORE), event_id=uuid4(), at=NOW + at
        )


def test_an_event_on_the_site_confirms_the_newest_click_once(world: World) -> None:
    sent = send(world.acme)
    open_link(sent, at=timedelta(minutes=5))
    open_link(sent, at=timedelta(minutes=10))
    assert confirm(sent, at=timedelta(minutes=11))
    assert not confirm(sent, at=timedelta(minutes=12))
    newest = "clicked_at = (select max(clicked_at) from click)"
    assert clicks(sent, "confirmed_at is not null") == clicks(sent, f"confirmed_at is not null and {newest}") == 1


def test_an_event_confirms_no_machines_click_and_none_that_comes_later(world: World) -> None:
    sent = send(world.acme)
    assert not confirm(sent, at=timedelta(minutes=1))  # nobody has clicked
    open_link(sent, visit=Visit("Googlebot/2.1"))
    assert not confirm(sent, at=timedelta(minutes=11))
    open_link(sent, at=timedelta(minutes=30))
    assert not confirm(sent, at=timedelta(minutes=20))  # the event came first


def test_g7_a_stranger_confirms_nobody_elses_click(world: World) -> None:
    sent = send(world.acme)
    open_link(sent)
    assert not confirm(sent, at=timedelta(minutes=11), tenant_id=world.stranger.tenant_id)


@pytest.mark.parametrize(("channel", "kind"), [(Channel.EMAIL, ContactKind.EMAIL), (Channel.SMS, ContactKind.PHONE)])
@pytest.mark.parametrize("one_click", [True, False])
def test_g5_an_opt_out_stops_the_value_at_once_and_only_for_this_client(
    world: World, channel: Channel, kind: ContactKind, one_click: bool
) -> None:
    sent = send(world.acme, channel=channel)
    tenant_id = world.acme.tenant_id
    with agency_transaction() as session:
        link = channels.resolve_link(session, token=sent.token(LinkKind.UNSUBSCRIBE))
    assert link is not None
    with tenant_transaction(tenant_id) as session:
        page = channels.show_opt_out(session, tenant_id=tenant_id, link_id=link.link_id)
        assert page is not None
        assert not page.stopped
        assert sent.lead.value not in page.masked
    for _ in range(2):
        with tenant_transaction(tenant_id) as session:
            assert channels.opt_out(
                session, tenant_id=tenant_id, link_id=link.link_id, is_one_click=one_click, now=LATER
            )
    assert is_stopped(tenant_id, kind, sent.lead.value, channel)
    assert not is_stopped(world.stranger.tenant_id, kind, sent.lead.value, channel)
    reason = StopReason.ONE_CLICK if one_click else StopReason.UNSUBSCRIBE_PAGE
    counted = "select count(*) from stop where reason = :reason"
    assert ask_one(tenant_id, counted, reason=reason.value) == 1  # the second changed nothing
    with tenant_transaction(tenant_id) as session:
        page = channels.show_opt_out(session, tenant_id=tenant_id, link_id=link.link_id)
    assert page is not None
    assert page.stopped


def test_each_kind_of_link_opens_its_own_door_only(world: World) -> None:
    sent = send(world.acme)
    tenant_id = world.acme.tenant_id
    with agency_transaction() as session:
        restore = channels.resolve_link(session, token=sent.token(LinkKind.RESTORE))
        stop = channels.resolve_link(session, token=sent.token(LinkKind.UNSUBSCRIBE))
    assert restore is not None
    assert stop is not None
    with tenant_transaction(tenant_id) as session:
        assert channels.show_opt_out(session, tenant_id=tenant_id, link_id=restore.link_id) is None
        assert not channels.opt_out(session, tenant_id=tenant_id, link_id=restore.link_id, is_one_click=True, now=LATER)
        found = channels.open_restore_link(session, tenant_id=tenant_id, link_id=stop.link_id, visit=PHONE, now=LATER)
        assert found is None
    assert clicks(sent) == 0
    assert ask_one(tenant_id, "select count(*) from stop") == 0


def reply(world: World, body: str, *, sender: str = "+819011112222", ref: str | None = None) -> ReplyEffect | None:
    with tenant_transaction(world.acme.tenant_id) as session:
        return channels.take_reply(
            session,
            tenant_id=world.acme.tenant_id,
            from_e164=sender,
            body=body,
            provider_ref=ref or f"SM{uuid4().hex}",
            now=NOW,
        )


def test_a_stop_word_stops_a_number_that_we_never_met(world: World) -> None:
    assert reply(world, "停止") is ReplyEffect.STOP
    for channel in (Channel.SMS, Channel.CALL):
        assert is_stopped(world.acme.tenant_id, ContactKind.PHONE, "+819011112222", channel)
    assert not is_stopped(world.stranger.tenant_id, ContactKind.PHONE, "+819011112222", Channel.SMS)


def test_start_opens_what_a_reply_closed_and_no_refusal_on_the_telephone(world: World) -> None:
    tenant_id = world.acme.tenant_id
    reply(world, "STOP", sender="+819011112222")
    reply(world, "再開", sender="+819011112222")
    assert not is_stopped(tenant_id, ContactKind.PHONE, "+819011112222", Channel.SMS)
    refused = "+819033334444"
    with tenant_transaction(tenant_id) as session:
        people.record_stop(
            session,
            tenant_id=tenant_id,
            kind=ContactKind.PHONE,
            value_index=value_index(tenant_id, ContactKind.PHONE, refused),
            via=Channel.CALL,
            reason=StopReason.CALL_REFUSED,
            source=EvidenceSource.OPERATOR,
            now=NOW,
        )
    reply(world, "START", sender=refused)
    assert is_stopped(tenant_id, ContactKind.PHONE, refused, Channel.SMS)


def test_a_reply_is_kept_sealed_and_once(world: World) -> None:
    lead = make_lead(world.acme, channel=Channel.SMS)
    for _ in range(2):
        assert reply(world, "届きました、ありがとう", sender=lead.value, ref="SM1") is None
    row = "select count(*) from reply where contact_point_id = :id and effect is null"
    assert ask_one(world.acme.tenant_id, row, id=lead.contact_point_id) == 1
    stored = ask_one(world.acme.tenant_id, "select content from reply where provider_ref = 'SM1'")
    assert "届きました".encode() not in bytes(stored)


def test_a_repeated_stop_does_not_close_what_start_opened_meanwhile(world: World) -> None:
    reply(world, "STOP", ref="SM-stop")
    reply(world, "START", ref="SM-start")
    reply(world, "STOP", ref="SM-stop")  # the provider repeats itself
    assert not is_stopped(world.acme.tenant_id, ContactKind.PHONE, "+819011112222", Channel.SMS)


def test_a_number_names_its_clients(world: World) -> None:
    with agency_transaction() as session:
        assert list_tenants_of_number(session, number=world.acme.sms_from) == [world.acme.tenant_id]
        assert list_tenants_of_number(session, number="+10000000000") == []
        assert session.get(Tenant, world.acme.tenant_id) is None  # and nothing else of theirs can be seen
