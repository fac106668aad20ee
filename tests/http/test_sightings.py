"""What ingest refuses is counted for the engineer's page, by site and by name."""

from collections.abc import Callable
from time import monotonic, sleep

from modori.api.ingest import IngestApp
from modori.api.keys import SiteKeys
from modori.capture.sightings.counts import Counts
from modori.kernel import clock
from modori.reports.sites.queries import list_refusals
from modori.storage.db import read_transaction
from tests.asgi import Asker
from tests.captureworld import cart, event, new_visitor
from tests.ingestworld import CONFIG, post, problem
from tests.world import NOW, TenantWorld, World


def test_what_is_refused_is_counted_for_the_page_of_the_site(world: World) -> None:
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0), sightings=Counts(write_every_s=0))
    client, acme = Asker(app), world.acme
    one = event(acme, "page", visitor=new_visitor())
    with clock.moved_to(NOW):
        assert post(client, acme, [one], origin="https://Staging.example").status_code == 403
        assert post(client, acme, [one | {"data": 7}, one | {"at": "yesterday"}]).json()["accepted"] == 0
        expected = {("foreign_origin", "https://staging.example"), ("bad_data", ""), ("bad_at", "")}
        assert _eventually(lambda: _refusals(acme) >= expected)
    assert _refusals(world.stranger) == set()


def test_what_only_the_transaction_refuses_is_counted_too(world: World) -> None:
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0), sightings=Counts(write_every_s=0))
    client, acme, visitor = Asker(app), world.acme, new_visitor()
    no_thanks = event(acme, "consent", {"channel": "capture", "granted": False}, visitor=visitor)
    with clock.moved_to(NOW):
        assert post(client, acme, [no_thanks]).json()["accepted"] == 1
        later = [event(acme, "page", visitor=visitor), cart(acme, visitor=visitor) | {"data": 7}]
        refused = post(client, acme, later).json()["refused"]
        assert sorted(one["code"] for one in refused) == ["bad_data", "capture_refused"]
        assert _eventually(lambda: _refusals(acme) == {("bad_data", ""), ("capture_refused", "")})
    with read_transaction([acme.tenant_id]) as session:
        rows = list_refusals(session, tenant_id=acme.tenant_id, site_id=acme.site_id, since=NOW.date())
    assert [row.count for row in rows] == [1, 1]


def test_a_secret_key_that_comes_from_a_page_is_counted_by_what_the_console_shows_of_it(world: World) -> None:
    app = IngestApp(CONFIG, keys=SiteKeys(kept_s=0), sightings=Counts(write_every_s=0))
    client, acme, stranger = Asker(app), world.acme, world.stranger
    with clock.moved_to(NOW):
        bearer = {"authorization": f"Bearer {acme.secret_key}"}
        assert problem(post(client, acme, [], headers=bearer)) == (403, "secret_key_in_browser")
        in_envelope = post(client, stranger, [], envelope={"site": stranger.secret_key})
        assert problem(in_envelope) == (403, "unknown_key")
        for tenant in (acme, stranger):
            expected = {("secret_key_in_browser", tenant.secret_key[:8])}
            assert _eventually(lambda tenant=tenant, expected=expected: _refusals(tenant) == expected)  # type: ignore[misc]
        made_up = {"authorization": "Bearer sk_nobodys"}
        assert problem(post(client, acme, [], headers=made_up)) == (403, "secret_key_in_browser")


def _refusals(tenant: TenantWorld) -> set[tuple[str, str]]:
    with read_transaction([tenant.tenant_id]) as session:
        rows = list_refusals(session, tenant_id=tenant.tenant_id, site_id=tenant.site_id, since=NOW.date())
    return {(row.code, row.subject) for row in rows}


def _eventually(is_so: Callable[[], bool]) -> bool:
    ends_at = monotonic() + 60
    while not is_so():
        if monotonic() > ends_at:
            return False
        sleep(0.02)
    return True
