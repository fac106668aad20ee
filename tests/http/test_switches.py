"""The console's switches of one channel: who may, that it is meant, what is on record, and who is told."""

from collections.abc import Callable, Iterator

import pytest

from modori.kernel import clock
from modori.kernel.ids import PLATFORM
from modori.people.model import Channel
from modori.storage.roles import DatabaseUrls
from modori.tenants.model import Role
from tests.consoleworld import Console, console_app, lead_path, log_in, queue_call
from tests.leadworld import make_lead
from tests.questions import ask_one
from tests.world import NOW, World, connect, make_user, make_world

ENGAGED = "select count(*) from kill_switch where released_at is null"
ENGAGED_BY_AGENCY = "select count(*) from agency_kill_switch where released_at is null"


@pytest.fixture(scope="module")
def _own(clone_database: Callable[[], DatabaseUrls]) -> DatabaseUrls:
    return clone_database()


@pytest.fixture
def world(_own: DatabaseUrls, database_urls: DatabaseUrls) -> Iterator[World]:
    """In a database of the module's own: the agency's switch is everybody's."""
    connect(_own)
    with clock.moved_to(NOW):
        yield make_world()
    connect(database_urls)


def channels_of(world: World) -> str:
    return f"/console/tenants/{world.acme.tenant_id}/channels"


def test_a_manager_stops_a_channel_of_their_client_and_lets_it_go_on(world: World) -> None:
    manager = Console(console_app()).come_in(make_user(Role.ACCOUNT_MANAGER, world.acme.tenant_id).user_id, lang="en")
    path = channels_of(world)
    assert f'href="{path}"' in manager.get(f"/console/tenants/{world.acme.tenant_id}").text
    stopped = manager.act(f"{path}/stop", channel="sms", reason="苦情の確認中", confirmed="yes")
    assert (stopped.status_code, stopped.headers["location"]) == (303, f"{path}?done=stopped")
    assert ask_one(world.acme.tenant_id, f"{ENGAGED} and channel = 'sms'") == 1
    for page in (path, f"/console/tenants/{world.acme.tenant_id}", "/console/tenants", "/console/queue"):
        assert "stopped" in manager.get(page).text, page
    for page in (path, "/console/tenants", "/console/queue"):
        assert "苦情の確認中" in manager.get(page).text, page
    assert manager.act(f"{path}/resume", channel="sms", confirmed="yes").status_code == 303
    assert ask_one(world.acme.tenant_id, ENGAGED) == 0
    assert "苦情の確認中" not in manager.get("/console/queue").text
    audit = manager.get("/console/audit").text
    assert "Stopped a channel of a client" in audit
    assert "Let a channel of a client go on" in audit


@pytest.mark.parametrize("missing", ["reason", "confirmed"])
def test_nothing_stops_unless_it_is_meant_and_what_was_typed_stays(world: World, missing: str) -> None:
    admin = log_in(world, Role.AGENCY_ADMIN, lang="en")
    form = {"channel": "email", "reason": "苦情 <調査>", "confirmed": "yes"} | {missing: ""}
    for path in (channels_of(world), "/console/agency/channels"):
        refused = admin.act(f"{path}/stop", **form)
        assert refused.status_code == 422
        assert "Nothing was changed" in refused.text
        assert ("苦情 &lt;調査&gt;" in refused.text) is (missing != "reason")
        assert '<details class="fold" open>' in refused.text
    assert ask_one(world.acme.tenant_id, ENGAGED) == ask_one(PLATFORM, ENGAGED_BY_AGENCY) == 0


def test_nothing_goes_on_unless_it_is_meant(world: World) -> None:
    admin = log_in(world, Role.AGENCY_ADMIN, lang="en")
    for path in (channels_of(world), "/console/agency/channels"):
        assert admin.act(f"{path}/stop", channel="call", reason="x", confirmed="yes").status_code == 303
        refused = admin.act(f"{path}/resume", channel="call")
        assert refused.status_code == 422
        assert "tick that you mean it" in refused.text
    assert ask_one(world.acme.tenant_id, ENGAGED) == ask_one(PLATFORM, ENGAGED_BY_AGENCY) == 1
    assert admin.act("/console/agency/channels/resume", channel="call", confirmed="yes").status_code == 303
    assert ask_one(PLATFORM, ENGAGED_BY_AGENCY) == 0


def test_the_administrator_stops_a_channel_of_every_client_and_every_page_says_so(world: World) -> None:
    admin, operator = log_in(world, Role.AGENCY_ADMIN, lang="en"), log_in(world, Role.OPERATOR, lang="ja")
    stopped = admin.act("/console/agency/channels/stop", channel="sms", reason="回線障害", confirmed="yes")
    assert stopped.status_code == 303
    assert "Stopped for every client: SMS" in " ".join(admin.get("/console/leads").text.split())
    assert "全クライアントで停止中：" in operator.get("/console/queue").text
    assert "回線障害" in admin.get("/console/agency/channels").text
    client = admin.get(channels_of(world)).text
    assert "Stopped by the agency for every client since" in client
    assert "回線障害" in client
    admin.act("/console/agency/channels/resume", channel="sms", confirmed="yes")
    assert "Stopped for every client" not in admin.get("/console/leads").text
    audit = admin.get("/console/audit").text
    assert "Stopped a channel for every client" in audit
    assert "Let a channel go on for every client" in audit


def test_the_gates_answer_names_the_switch_in_words(world: World) -> None:
    admin, operator = log_in(world, Role.AGENCY_ADMIN, lang="en"), log_in(world, Role.OPERATOR, lang="en")
    waiting = make_lead(world.acme, channel=Channel.CALL)
    task_id = queue_call(waiting, now=NOW)
    admin.act(f"{channels_of(world)}/stop", channel="call", reason="研修", confirmed="yes")
    assert "acme · Call · Stopped since" in " ".join(operator.get("/console/queue").text.split())
    operator.act("/console/queue/next")
    refused = operator.htmx(f"{lead_path(waiting)}/call/{task_id}/dial")
    assert refused.status_code == 422
    assert "sending is switched off" in refused.text
    assert "Switched off: this channel, for this client" in operator.get(lead_path(waiting)).text


@pytest.mark.parametrize("channel", ["line", "fax", "", "SMS"])
def test_a_channel_that_nothing_goes_out_on_is_not_found(world: World, channel: str) -> None:
    admin = log_in(world, Role.AGENCY_ADMIN)
    for path in (channels_of(world), "/console/agency/channels"):
        assert admin.act(f"{path}/stop", channel=channel, reason="x", confirmed="yes").status_code == 404


def test_g7_a_strangers_manager_neither_sees_nor_moves_it(world: World) -> None:
    admin = log_in(world, Role.AGENCY_ADMIN, lang="en")
    admin.act(f"{channels_of(world)}/stop", channel="sms", reason="内密", confirmed="yes")
    stranger = Console(console_app()).come_in(
        make_user(Role.ACCOUNT_MANAGER, world.stranger.tenant_id).user_id, lang="en"
    )
    for page in ("/console/queue", "/console/tenants"):
        assert "内密" not in stranger.get(page).text
    assert stranger.get(channels_of(world)).status_code == 404
    assert stranger.act(f"{channels_of(world)}/resume", channel="sms", confirmed="yes").status_code == 404
    assert stranger.act("/console/agency/channels/resume", channel="sms", confirmed="yes").status_code == 403
    assert ask_one(world.acme.tenant_id, ENGAGED) == 1
