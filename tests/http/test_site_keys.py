"""Keys at hand: those in use stay there without being looked up again, and a change is obeyed in time."""

from collections.abc import Callable
from threading import Event, Thread

import pytest
from sqlalchemy import text

from modori.api.keys import KEPT_S, SiteKeys
from modori.capture.context import SiteContext
from modori.storage.db import tenant_transaction
from modori.tenants.sites.queries import list_site_keys, lock_site_key
from tests.world import NOW, TenantWorld, World, make_tenant


class Kept:
    """Keys under a clock that stands still, and the site of one of them, looked up."""

    def __init__(self, tenant: TenantWorld) -> None:
        self.tenant, self.now_s = tenant, 1000.0
        self.keys = SiteKeys(tick=lambda: self.now_s)
        found = self.keys.find(tenant.site_key)
        assert found is not None
        self.site: SiteContext = found

    def at_hand(self) -> tuple[bool, SiteContext | None]:
        return self.keys.at_hand(self.tenant.site_key)


@pytest.fixture
def kept(world: World) -> Kept:
    return Kept(make_tenant("keeper"))


def _revoke(tenant: TenantWorld) -> None:
    with tenant_transaction(tenant.tenant_id) as session:
        for key in list_site_keys(session, tenant_id=tenant.tenant_id, site_id=tenant.site_id):
            lock_site_key(session, tenant_id=tenant.tenant_id, key_id=key.key_id).revoked_at = NOW


def _change(tenant: TenantWorld) -> None:
    with tenant_transaction(tenant.tenant_id) as session:
        session.connection().execute(
            text("update site set abandon_after_s = 61 where tenant_id = :id"), {"id": tenant.tenant_id}
        )


def test_a_key_is_at_hand_for_its_time_and_no_longer(kept: Kept) -> None:
    kept.now_s += KEPT_S / 2  # in the second half whoever asks has it refreshed
    assert kept.at_hand() == (True, kept.site)
    kept.now_s += KEPT_S / 2
    assert kept.at_hand() == (False, None)


def test_a_key_in_use_stays_at_hand(kept: Kept) -> None:
    for _ in range(5):
        kept.now_s += KEPT_S * 0.4
        assert kept.at_hand() == (True, kept.site)
        kept.keys.refresh()


def test_a_key_that_nobody_used_is_forgotten(kept: Kept) -> None:
    kept.now_s += KEPT_S - 0.01
    kept.keys.refresh()
    kept.now_s += 0.01
    assert kept.at_hand() == (False, None)


@pytest.mark.parametrize(("change", "abandon_after_s"), [(_revoke, None), (_change, 61)])
def test_what_has_changed_is_looked_up_again(
    kept: Kept, change: Callable[[TenantWorld], None], abandon_after_s: int | None
) -> None:
    assert kept.at_hand()[0]
    change(kept.tenant)
    kept.keys.refresh()
    assert kept.at_hand() == (False, None)
    found = kept.keys.find(kept.tenant.site_key)
    assert (found and found.abandon_after_s) == abandon_after_s


def test_g7_a_site_of_another_client_changes_nothing(kept: Kept) -> None:
    assert kept.at_hand()[0]
    _change(make_tenant("neighbour"))
    kept.keys.refresh()
    assert kept.at_hand() == (True, kept.site)


def test_unknown_keys_are_remembered_and_others_are_none(kept: Kept) -> None:
    assert kept.keys.find("pk_unknown") is None
    assert kept.keys.at_hand("pk_unknown") == (True, None)
    assert kept.keys.at_hand("no key") == (True, None)
    assert kept.keys.find("pk_" + "x" * 200) is None


def test_keys_are_refreshed_while_requests_note_their_use(kept: Kept) -> None:
    """Requests add to what is in use while the thread walks through it."""
    failed: list[Exception] = []
    ended = Event()

    def ask() -> None:
        while not ended.is_set():
            for key in [kept.tenant.site_key, *(f"pk_guess{number}" for number in range(50))]:
                kept.keys._used.add(key)

    asking = Thread(target=ask)
    asking.start()
    try:
        for _ in range(100):
            kept.keys.refresh()
    except RuntimeError as error:
        failed.append(error)
    finally:
        ended.set()
        asking.join(60)
    assert failed == []
    assert kept.at_hand() == (True, kept.site)
