"""What the page of a site asks: its own events alone, newest first, bounded, of people."""

from datetime import datetime, timedelta
from typing import Any

from modori.capture.notices import IDENTITIES
from modori.capture.sightings.counts import POLICY_ASKED, Counts
from modori.capture.sightings.queries import note_sent
from modori.capture.sightings.scans import forget_old_sightings, note_what_sites_send
from modori.kernel import clock
from modori.kernel.ids import SiteId, new_id
from modori.leads.actions import settle_episode
from modori.reports.forms import queries as form_queries
from modori.reports.paging import Cursor
from modori.reports.sites import queries
from modori.reports.sites.rules import LeftField, SiteFacts
from modori.storage.db import read_transaction, tenant_transaction
from modori.tenants.sites import actions as sites
from modori.tenants.sites.queries import find_capture_on_at
from modori.tenants.wire import SiteChange
from tests.captureworld import cart, consent, event, form, new_visitor, somebody, take, the_episode
from tests.questions import ask_one, change
from tests.world import NOW, TenantWorld, World

WEEK_AGO = NOW - timedelta(days=7)
SURVEY = [
    {"field": "mail", "token": "email", "why": "taken"},
    {"field": "card_no", "token": None, "why": "card"},
]


def seen(tenant: TenantWorld, **more: Any) -> queries.SeenSite:
    with read_transaction([tenant.tenant_id]) as session:
        return queries.look_at_site(
            session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, since=WEEK_AGO, now=NOW, **more
        )


def forms(tenant: TenantWorld) -> form_queries.SeenForms:
    with read_transaction([tenant.tenant_id]) as session:
        return form_queries.look_at_forms(
            session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, since=WEEK_AGO, now=NOW
        )


def kinds(tenant: TenantWorld) -> queries.SeenKinds:
    with read_transaction([tenant.tenant_id]) as session:
        return queries.look_at_kinds(
            session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, since=WEEK_AGO, now=NOW
        )


def listed(tenant: TenantWorld, **wanted: Any) -> list[queries.EventRow]:
    words = {"kind": None, "after": None, "now": NOW, "limit": 50} | wanted
    with read_transaction([tenant.tenant_id]) as session:
        return queries.list_events(session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, **words)


def page(tenant: TenantWorld, kind: str | None = None, *, visitor: str | None = None, **more: Any) -> dict[str, Any]:
    return event(tenant, "page", {"kind": kind} if kind else {}, visitor=visitor or new_visitor(), **more)


def filled(
    tenant: TenantWorld, *, survey: Any = None, times: Any = None, last: str | None = None, **fields: str
) -> dict[str, Any]:
    made: dict[str, Any] = form(tenant, visitor=new_visitor())
    made["data"]["fields"] = fields
    told = {"survey": survey, "times": times, "last_field": last}
    made["data"] |= {name: value for name, value in told.items() if value is not None}
    return made


def test_what_a_site_once_sent_its_notice_goes_on_listing(world: World) -> None:
    """A checkout that nobody used this week is used next week: of a stranger's and of a bot's nothing is listed."""
    acme = world.acme
    survey = [*SURVEY, {"field": "tel", "token": "tel", "why": "taken"}]
    take(acme, [filled(acme, survey=survey, name="山田 花子"), cart(acme, visitor=new_visitor())])
    take(acme, [event(acme, "identify", {"line": "U" + "0" * 32}, visitor=new_visitor())])
    take(world.stranger, [filled(world.stranger, **{"postal-code": "1000001"})])
    take(acme, [filled(acme, organization="bot")])
    change(acme.tenant_id, "update event set mark = 'bot' where body -> 'fields' ? 'organization'")
    with clock.moved_to(NOW):
        assert note_what_sites_send() > 0
        with tenant_transaction(acme.tenant_id) as session:
            again = note_sent(
                session,
                tenant_id=acme.tenant_id,
                since=NOW - timedelta(days=1),
                until=NOW,
                walked=1000,
                identities=IDENTITIES,
            )
        assert again == 0, "noted already"
    change(acme.tenant_id, "delete from event")
    assert kinds(acme) == queries.SeenKinds(
        types=frozenset({"form", "identify", "cart"}),
        identity=frozenset({"line"}),
        fields=frozenset({"email", "tel", "name"}),
    )
    assert kinds(world.stranger).fields == {"postal-code"}


def test_of_a_site_that_was_never_heard_of_nothing_is_known(world: World) -> None:
    take(world.stranger, [page(world.stranger, "product")])
    found = seen(world.acme)
    assert (found.facts, found.events, found.pages, found.walked_back_to) == (SiteFacts(), 0, [], None)


def test_each_kind_of_event_says_when_it_was_last_heard_of(world: World) -> None:
    acme = world.acme
    earlier = NOW - timedelta(hours=1)
    take(acme, [page(acme, "product"), cart(acme, visitor=new_visitor())], now=earlier)
    take(acme, [page(acme, "thanks"), filled(acme, email=somebody()), consent(acme, "email", visitor=new_visitor())])
    take(acme, [event(acme, "cart", {"currency": "JPY", "value": 0, "items": []}, visitor=new_visitor())])
    facts = seen(acme).facts
    assert (facts.pages_at, facts.heard_at) == ({"product": earlier, "thanks": NOW}, NOW)
    assert (facts.cart_at, facts.priced_cart_at, facts.linked_cart_at) == (earlier, earlier, earlier)
    assert (facts.form_at, facts.email_at, facts.phone_at, facts.consent_at) == (NOW, NOW, None, NOW)


def test_a_cart_without_a_price_is_no_priced_one(world: World) -> None:
    take(world.acme, [cart(world.acme, visitor=new_visitor(), value=0, url=None)])
    facts = seen(world.acme).facts
    assert (facts.cart_at, facts.priced_cart_at, facts.linked_cart_at) == (NOW, None, None)


def test_a_picture_counts_where_it_was_kept(world: World) -> None:
    """A shop's pictures on a host of somebody else's are dropped by ingest (G8): its page says so."""
    acme = world.acme
    for at, host in ((NOW - timedelta(hours=1), acme.origin), (NOW, "https://cdn.elsewhere.example")):
        item = {"id": "p1", "name": "鉄のフライパン", "price": 4980, "quantity": 1, "image": f"{host}/p1.jpg"}
        sent = {"currency": "JPY", "value": 4980, "items": [item]}
        take(acme, [event(acme, "cart", sent, visitor=new_visitor(), at=at)], now=at)
    facts = seen(acme).facts
    assert (facts.cart_at, facts.pictured_cart_at) == (NOW, NOW - timedelta(hours=1))


def test_a_word_about_capture_is_no_consent_to_be_written_to(world: World) -> None:
    sent = {"channel": "capture", "granted": True, "text": "同意します"}
    take(world.acme, [event(world.acme, "consent", sent, visitor=new_visitor())])
    assert seen(world.acme).facts.consent_at is None


def test_the_tags_versions_and_health_come_from_its_pages(world: World) -> None:
    acme = world.acme
    take(acme, [page(acme), page(acme, at=NOW)])
    bodies = ('{"sdk": "1.0.0", "health": {"errors": 0, "queued": 2, "dropped": 0}}', '{"health": {"errors": 3}}')
    for body in bodies:
        change(
            acme.tenant_id,
            "update event set body = cast(:body as jsonb) where event_id ="
            " (select event_id from event where body = '{}' order by event_id limit 1)",
            body=body,
        )
    facts = seen(acme).facts
    assert facts.versions == ("1.0.0",)
    assert (facts.pages_with_errors, facts.pages_with_drops, facts.most_queued) == (1, 0, 2)


ON_AT = NOW - timedelta(hours=1)


def tell(tenant: TenantWorld, minute: int, visitor: str, dropped: int, *, path: str = "/checkout") -> None:
    """Let a visitor's page say how many events it gave up since it was loaded, some minutes after ON_AT."""
    at = ON_AT + timedelta(minutes=minute)
    sent = {"health": {"errors": 0, "queued": 0, "dropped": dropped}}
    on = {"url": f"{tenant.origin}{path}", "title": ""}
    take(tenant, [event(tenant, "page", sent, visitor=visitor, at=at, page=on)], now=at)


def counted(tenant: TenantWorld) -> int:
    return seen(tenant, on_at=ON_AT).facts.pages_with_drops


def test_what_a_page_gave_up_while_capture_was_off_counts_for_nothing(world: World) -> None:
    acme, left_open, loaded_since = world.acme, new_visitor(), new_visitor()
    tell(acme, 1, left_open, 3)
    tell(acme, 2, left_open, 3)
    tell(acme, 3, loaded_since, 0)
    assert counted(acme) == 0
    assert seen(acme).facts.pages_with_drops == 2, "of a site that was not off"
    tell(acme, 4, left_open, 4)
    assert counted(acme) == 1
    tell(acme, 5, loaded_since, 2)
    assert counted(acme) == 2
    tell(acme, 6, loaded_since, 5, path="/cart")
    assert counted(acme) == 2, "another tab of theirs, which was open before"
    tell(world.stranger, 1, left_open, 9)
    assert counted(acme) == 2


def test_what_pages_told_before_capture_was_switched_on_counts_for_nothing(world: World) -> None:
    acme, before = world.acme, ON_AT - timedelta(seconds=1)
    health = {"health": {"errors": 2, "queued": 0, "dropped": 2}}
    take(acme, [event(acme, "page", health, visitor=new_visitor(), at=before)], now=before)
    facts = seen(acme, on_at=ON_AT).facts
    assert (facts.heard_at, facts.pages_with_errors, facts.pages_with_drops) == (before, 0, 0)
    take(acme, [event(acme, "page", health, visitor=new_visitor(), at=ON_AT)], now=ON_AT)
    assert seen(acme, on_at=ON_AT).facts.pages_with_errors == 1


def switch(tenant: TenantWorld, at: datetime, **policy: Any) -> datetime | None:
    """Change a site's policy. Returns since when its capture is on, after it was off."""
    with tenant_transaction(tenant.tenant_id) as session:
        sites.change_site(
            session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, change=SiteChange(**policy), now=at
        )
    with read_transaction([tenant.tenant_id]) as session:
        return find_capture_on_at(session, tenant_id=tenant.tenant_id, site_id=tenant.site_id)


def test_since_when_capture_is_on_is_known_from_what_the_site_said_of_itself(world: World) -> None:
    acme = world.acme
    hours = [NOW + timedelta(hours=number) for number in range(7)]
    assert switch(acme, hours[0], notice_text="another") is None, "it was never off"
    assert switch(acme, hours[1], capture_mode="off") is None
    assert switch(acme, hours[2], capture_mode="after-consent") == hours[2]
    assert switch(acme, hours[3], capture_mode="notice", notice_text="a third") == hours[2]
    assert switch(acme, hours[4], capture_mode="off") is None
    assert switch(acme, hours[5], notice_text="written while it is off") is None
    assert switch(acme, hours[5], capture_mode="notice") == hours[5], "in the same instant"
    assert switch(world.stranger, hours[6], capture_mode="off") is None
    assert switch(acme, hours[6], notice_text="a fourth") == hours[5]


def test_pages_stand_by_how_often_they_were_seen_and_without_their_query(world: World) -> None:
    acme = world.acme
    cart_page = {"page": {"url": f"{acme.origin}/cart?utm_source=mail", "title": ""}}
    take(acme, [page(acme), page(acme, "cart") | cart_page, page(acme, "cart") | cart_page])
    found = seen(acme).pages
    assert [(one.url, one.kind, one.count) for one in found] == [
        (f"{acme.origin}/cart", "cart", 2),
        (f"{acme.origin}/checkout", None, 1),
    ]


def test_what_no_person_did_is_listed_and_counts_for_nothing(world: World) -> None:
    take(world.acme, [page(world.acme, "product")])
    change(world.acme.tenant_id, "update event set mark = 'bot'")
    assert seen(world.acme).facts == SiteFacts()
    assert [one.mark for one in listed(world.acme)] == ["bot"]


def test_a_server_that_reports_an_order_is_told_from_a_browser(world: World) -> None:
    order = {"id": "B-1", "currency": "JPY", "value": 100}
    take(world.acme, [event(world.acme, "order", order, visitor=new_visitor())])
    facts = seen(world.acme).facts
    assert (facts.claimed_order_at, facts.proven_order_at) == (NOW, None)


def test_a_walk_that_ends_early_says_how_far_it_came(world: World) -> None:
    for hours in (1, 2, 3):
        take(world.acme, [page(world.acme)], now=NOW - timedelta(hours=hours))
    whole, part = seen(world.acme), seen(world.acme, walked=2)
    assert (whole.events, whole.walked_back_to) == (3, None)
    assert (part.events, part.walked_back_to) == (2, NOW - timedelta(hours=2))


def test_events_are_paged_by_key_each_once_and_of_this_site_alone(world: World) -> None:
    acme = world.acme
    for minutes in range(7):
        take(acme, [page(acme), cart(acme, visitor=new_visitor())], now=NOW - timedelta(minutes=minutes))
    other = _second_site(acme)
    take(TenantWorld(**(vars(acme) | {"site_id": other})), [page(acme)])
    take(world.stranger, [page(world.stranger)])
    everything = listed(acme)
    paged: list[queries.EventRow] = []
    after: Cursor | None = None
    while rows := listed(acme, after=after, limit=3):
        paged += rows
        after = Cursor(rows[-1].received_at, rows[-1].event_id)
    assert paged == everything
    assert len({one.event_id for one in everything}) == 14
    assert everything == sorted(everything, key=lambda one: (one.received_at, one.event_id), reverse=True)
    assert {one.type for one in listed(acme, kind="cart")} == {"cart"}
    assert len(listed(acme, kind="cart")) == 7


def _second_site(tenant: TenantWorld) -> SiteId:
    site_id = SiteId(new_id())
    with tenant_transaction(tenant.tenant_id) as session:
        policy = SiteChange(name="acme second", origins=[tenant.origin], capture_mode="notice", notice_text="x")
        sites.make_site(session, tenant_id=tenant.tenant_id, site_id=site_id, change=policy, now=NOW)
    return site_id


def test_a_form_tells_which_inputs_it_has_and_why_some_are_not_taken(world: World) -> None:
    acme = world.acme
    take(acme, [filled(acme, survey=SURVEY, email=somebody())], now=NOW - timedelta(hours=1))
    renamed = [{"field": "mail", "token": None, "why": "unknown"}]
    take(acme, [filled(acme, survey=renamed), filled(acme, tel="090-1234-5678")])
    found = forms(acme)
    (used,) = found.forms
    assert (used.form, used.people, used.submitted, used.taken) == ("checkout", 3, 0, {"email": 1, "tel": 1})
    fields = {one.field: (one.token, one.why, one.people) for one in found.fields}
    assert fields == {"mail": (None, "unknown", 2), "card_no": (None, "card", 1)}, "the newest survey's word counts"
    assert forms(world.stranger) == form_queries.SeenForms([], [], 0, 0, None)


def test_what_is_not_listed_of_many_forms_and_inputs_is_counted(world: World) -> None:
    acme = world.acme
    made = [filled(acme, survey=[{"field": f"{n}-{m}", "token": None, "why": "unknown"} for m in range(60)])
            for n in range(22)]  # fmt: skip
    for number, one in enumerate(made):
        one["data"]["form"] = f"form-{number:02}"
        take(acme, [one])
    found = forms(acme)
    assert (len(found.forms), found.more_forms) == (20, 2)
    assert (len(found.fields), found.more_fields) == (500, 20 * 60 - 500)
    assert found.looked_back_to is None


def test_the_kinds_of_events_and_what_is_told_of_members_are_of_this_site_and_of_people(world: World) -> None:
    acme = world.acme
    nobody = queries.SeenKinds(frozenset(), frozenset(), frozenset())
    take(acme, [page(acme), event(acme, "identify", {"member_id": "M-1"}, visitor=new_visitor())])
    assert kinds(acme) == queries.SeenKinds(frozenset({"page", "identify"}), frozenset({"member_index"}), frozenset())
    assert kinds(world.stranger) == nobody
    change(acme.tenant_id, "update event set mark = 'bot'")
    assert kinds(acme) == nobody


def test_a_list_whose_walk_ended_says_where_and_goes_on_from_there(world: World) -> None:
    acme = world.acme
    take(acme, [cart(acme, visitor=new_visitor())], now=NOW - timedelta(minutes=9))
    for minutes in range(5):
        take(acme, [page(acme)], now=NOW - timedelta(minutes=minutes))
    assert listed(acme, kind="cart", walked=5) == []

    def walk_end(after: Cursor | None) -> Cursor | None:
        with read_transaction([acme.tenant_id]) as session:
            return queries.find_walk_end(
                session, tenant_id=acme.tenant_id, since=WEEK_AGO, after=after, now=NOW, walked=5
            )

    ended = walk_end(None)
    assert ended is not None
    assert ended.at == NOW - timedelta(minutes=4)
    assert len(listed(acme, kind="cart", after=ended, walked=5)) == 1
    assert walk_end(ended) is None


def test_people_who_left_are_counted_by_the_field_that_they_touched_last(world: World) -> None:
    acme = world.acme
    spent = (("tel", 4000, 1), ("tel", 8000, 0), ("email", 3000, 0))
    for last, ms, edits in spent:
        made = filled(acme, last=last, times={last: {"ms": ms, "edits": edits}}, email=somebody())
        take(acme, [made])
        _leave(acme, made["visitor"])
    bought = filled(acme, last="tel", email=somebody())
    take(acme, [bought, event(acme, "order", {"id": "1", "currency": "JPY", "value": 1}, visitor=bought["visitor"])])
    take(acme, [filled(acme, last="tel", email=somebody())])  # still at it
    take(world.stranger, [filled(world.stranger, last="tel", email=somebody())])
    with read_transaction([acme.tenant_id]) as session:
        rows = form_queries.list_left_fields(session, tenant_id=acme.tenant_id, site_id=acme.site_id, since=WEEK_AGO)
    assert rows == [LeftField("checkout", "tel", 2, 6000, 1), LeftField("checkout", "email", 1, 3000, 0)]


def _leave(tenant: TenantWorld, visitor: str) -> None:
    episode = the_episode(tenant, visitor)
    with tenant_transaction(tenant.tenant_id) as session:
        settle_episode(
            session,
            tenant_id=tenant.tenant_id,
            episode_id=episode.episode_id,  # type: ignore[arg-type]  # a row's id is a plain UUID
            now=NOW + timedelta(hours=1),
        )


def test_sightings_are_counted_by_day_and_subject_and_written_seldom(world: World) -> None:
    acme = world.acme
    seldom = Counts()
    seldom.note(acme.tenant_id, acme.site_id, "foreign_origin", now=NOW, subject="https://staging.example")
    assert seldom.write_if_due() == 1
    seldom.note(acme.tenant_id, acme.site_id, "foreign_origin", now=NOW)
    assert not seldom.is_due(), "moments after the last"
    assert seldom.write_if_due() == 0
    counts = Counts(write_every_s=0)
    for _ in range(4):
        counts.note(acme.tenant_id, acme.site_id, "foreign_origin", now=NOW, subject="https://staging.example")
    counts.note(acme.tenant_id, acme.site_id, POLICY_ASKED, now=NOW)
    counts.note(world.stranger.tenant_id, world.stranger.site_id, "rate_limited", now=NOW)
    assert counts.write_if_due() == 3
    with read_transaction([acme.tenant_id]) as session:
        rows = queries.list_refusals(
            session, tenant_id=acme.tenant_id, site_id=acme.site_id, since=(NOW - timedelta(days=1)).date()
        )
    assert [(one.code, one.subject, one.count, one.last_at) for one in rows] == [
        ("foreign_origin", "https://staging.example", 5, NOW)
    ]
    assert seen(acme).facts.asked_at == NOW


def test_made_up_origins_do_not_fill_the_table(world: World) -> None:
    acme = world.acme
    counts = Counts()
    for number in range(5000):
        counts.note(acme.tenant_id, acme.site_id, "foreign_origin", now=NOW, subject=f"https://x{number}.example")
    assert counts.write_if_due() <= 21
    with read_transaction([acme.tenant_id]) as session:
        rows = queries.list_refusals(session, tenant_id=acme.tenant_id, site_id=acme.site_id, since=NOW.date())
    assert sum(one.count for one in rows) == 5000


def test_the_newest_origin_that_was_turned_away_is_named_and_refusals_are_counted(world: World) -> None:
    acme, earlier = world.acme, NOW - timedelta(days=2)
    counts = Counts(write_every_s=0)
    assert seen(acme).refused == 0
    for code, subject, at in (
        ("foreign_origin", "https://old.example", earlier),
        ("foreign_origin", "https://staging.example", NOW),
        ("bad_data", "", NOW),
        (POLICY_ASKED, "", NOW),
    ):
        counts.note(acme.tenant_id, acme.site_id, code, now=at, subject=subject)
    strange = world.stranger
    counts.note(strange.tenant_id, strange.site_id, "foreign_origin", now=NOW, subject="https://theirs.example")
    counts.write_if_due()
    found = seen(acme)
    assert (found.facts.foreign_at, found.facts.foreign_origin) == (NOW, "https://staging.example")
    assert found.refused == 3


def test_leaks_are_listed_newest_first_and_forgotten_after_a_month(world: World) -> None:
    acme = world.acme
    for days, kind in ((1, "card"), (0, "password"), (40, "card")):
        change(
            acme.tenant_id,
            "insert into capture_leak (tenant_id, site_id, leaked_on, kind, field, count)"
            " values (:of, :site_id, :on, :kind, 'memo', 2)",
            of=acme.tenant_id,
            site_id=acme.site_id,
            on=(NOW - timedelta(days=days)).date(),
            kind=kind,
        )
    with read_transaction([acme.tenant_id]) as session:
        rows = queries.list_leaks(session, tenant_id=acme.tenant_id, site_id=acme.site_id, since=WEEK_AGO.date())
        theirs = queries.list_leaks(
            session, tenant_id=world.stranger.tenant_id, site_id=world.stranger.site_id, since=WEEK_AGO.date()
        )
    assert [(one.kind, one.field, one.count) for one in rows] == [("password", "memo", 2), ("card", "memo", 2)]
    assert theirs == []
    with clock.moved_to(NOW):
        forget_old_sightings()
    left = "select string_agg(leaked_on::text, ',' order by leaked_on) from capture_leak"
    assert ask_one(acme.tenant_id, left) == f"{(NOW - timedelta(days=1)).date()},{NOW.date()}"
