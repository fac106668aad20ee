"""An operator's day: next person, claim, dial, opening lines, how it ended."""

from collections.abc import Iterator

import httpx
import pytest

from modori.calls import actions as calls
from modori.calls.rules import Leg
from modori.kernel import clock
from modori.kernel.ids import CallId, TenantId
from modori.people.model import Channel
from modori.sending import actions as sending
from modori.sending.model import ReportStatus
from modori.sending.ports import NotSent
from modori.storage.db import tenant_transaction
from modori.tenants.model import Role
from tests.consoleworld import Console, Voice, console_app, lead_path, lead_state, log_in, queue_call
from tests.leadworld import LeadWorld, make_lead
from tests.questions import ask_one, change
from tests.world import NOW, World, make_user


@pytest.fixture(autouse=True)
def _it_is_wednesday_morning() -> Iterator[None]:
    with clock.moved_to(NOW):
        yield


@pytest.fixture
def waiting(world: World) -> LeadWorld:
    lead = make_lead(world.acme, channel=Channel.CALL, now=NOW)
    queue_call(lead, now=NOW)
    return lead


def task_of(lead: LeadWorld) -> str:
    found = "select call_task_id from call_task where lead_id = :id order by made_at desc, call_task_id desc limit 1"
    return str(ask_one(lead.tenant.tenant_id, found, id=lead.lead_id))


def call_of(lead: LeadWorld) -> CallId:
    found = "select call_id from call where lead_id = :id order by dialled_at desc limit 1"
    return CallId(ask_one(lead.tenant.tenant_id, found, id=lead.lead_id))


def customer_answers(lead: LeadWorld) -> None:
    tenant_id = TenantId(lead.tenant.tenant_id)
    with tenant_transaction(tenant_id) as session:
        calls.apply_call_report(
            session, tenant_id=tenant_id, call_id=call_of(lead), status=ReportStatus.ANSWERED, leg=Leg.CUSTOMER, now=NOW
        )


def dial(console: Console, lead: LeadWorld) -> str:
    answer = console.htmx(f"{lead_path(lead)}/call/{task_of(lead)}/dial")
    return answer.text


def read_all_openings(console: Console, lead: LeadWorld) -> str:
    text = ""
    for line in ("seller", "caller", "goods", "purpose"):
        answer = console.htmx(f"{lead_path(lead)}/call/{call_of(lead)}/openings/{line}")
        assert answer.status_code == 200, answer.text
        text = answer.text
    return text


def end(console: Console, lead: LeadWorld, disposition: str, **words: str) -> httpx.Response:
    path = f"{lead_path(lead)}/call/{task_of(lead)}/disposition"
    return console.htmx(path, disposition=disposition, **words)


def test_next_claims_the_first_person_and_opens_their_page(world: World, waiting: LeadWorld) -> None:
    console = log_in(world, Role.OPERATOR, lang="en")
    assert f"call-{task_of(waiting)}" in console.get("/console/queue").text
    assert console.act("/console/queue/next").headers["location"] == lead_path(waiting)
    assert "On your desk" in console.get("/console/queue").text
    assert console.act("/console/queue/next").headers["location"] == lead_path(waiting), (
        "who is on the desk comes first"
    )


def test_an_empty_queue_says_so(world: World) -> None:
    console = log_in(world, Role.OPERATOR, lang="en")
    assert "Nobody is waiting" in console.get("/console/queue").text
    assert console.act("/console/queue/next").headers["location"] == "/console/queue?done=queue_empty"


def test_two_operators_cannot_hold_one_person(world: World, waiting: LeadWorld) -> None:
    first = log_in(world, Role.OPERATOR, lang="en")
    second = Console(console_app()).come_in(make_user(Role.OPERATOR, world.acme.tenant_id).user_id, lang="en")
    claimed = first.htmx(f"{lead_path(waiting)}/call/{task_of(waiting)}/claim")
    assert "Say first, in this order" in claimed.text
    late = second.htmx(f"{lead_path(waiting)}/call/{task_of(waiting)}/claim")
    assert late.status_code == 422
    assert "Somebody else was faster" in late.text
    assert "Say first, in this order" not in late.text
    assert f"call-{task_of(waiting)}" not in second.get("/console/queue").text


def test_a_call_from_dial_to_will_buy(world: World, waiting: LeadWorld) -> None:
    voice = Voice()
    console = log_in(world, Role.OPERATOR, voice=voice, lang="en")
    console.act("/console/queue/next")
    assert "Dialling" in dial(console, waiting)
    assert voice.rang == ["+819012345678"], "the operator's own phone rings first"
    customer_answers(waiting)
    assert "Talking" in console.get(f"{lead_path(waiting)}/call").text
    early = end(console, waiting, "will_buy")
    assert early.status_code == 422
    assert "Read all four opening lines" in early.text
    page = read_all_openings(console, waiting)
    assert "カートの件でお電話しました。" in page, "the script opens when all lines have been read"
    done = end(console, waiting, "will_buy", note="明日注文するとのこと")
    assert "Recorded: Will buy" in done.text
    timeline = console.get(f"{lead_path(waiting)}/timeline").text
    assert "Will buy" in timeline
    assert "明日注文するとのこと" in timeline
    assert lead_state(waiting) == "active"


def test_opening_lines_are_read_in_their_order(world: World, waiting: LeadWorld) -> None:
    console = log_in(world, Role.OPERATOR, lang="en")
    console.act("/console/queue/next")
    dial(console, waiting)
    skipped = console.htmx(f"{lead_path(waiting)}/call/{call_of(waiting)}/openings/goods")
    assert skipped.status_code == 422
    assert "in their order" in skipped.text
    unknown = console.htmx(f"{lead_path(waiting)}/call/{call_of(waiting)}/openings/weather")
    assert unknown.status_code == 404


def test_g5_a_refusal_stops_everything(world: World, waiting: LeadWorld) -> None:
    console = log_in(world, Role.OPERATOR, lang="en")
    console.act("/console/queue/next")
    dial(console, waiting)
    assert "Recorded: Refused" in end(console, waiting, "refused").text
    assert lead_state(waiting) == "refused"
    page = console.get(lead_path(waiting)).text
    assert "refused on the telephone" in page
    assert "must not be contacted" in page


def test_a_callback_keeps_to_the_hours(world: World, waiting: LeadWorld) -> None:
    console = log_in(world, Role.OPERATOR, lang="en")
    console.act("/console/queue/next")
    dial(console, waiting)
    for when in ("", "nonsense", "2026-11-18T23:30", "2020-01-01T12:00"):
        refused = end(console, waiting, "call_back", callback=when, note="keep me")
        assert refused.status_code == 422
        assert "permitted calling hours" in refused.text
        assert "keep me" in refused.text, "what was typed stays"
    assert "Recorded: Call back" in end(console, waiting, "call_back", callback="2026-11-18T15:00").text
    assert "To be called:" in console.get(f"{lead_path(waiting)}/call").text


def test_the_gate_explains_why_a_dial_is_refused(world: World, waiting: LeadWorld) -> None:
    voice = Voice()
    console = log_in(world, Role.OPERATOR, voice=voice, lang="en")
    console.act("/console/queue/next")
    change(waiting.tenant.tenant_id, "update tenant set sending_stopped_at = now()")
    refused = console.htmx(f"{lead_path(waiting)}/call/{task_of(waiting)}/dial")
    assert refused.status_code == 422
    assert "sending is switched off" in refused.text
    assert voice.rang == []
    assert "Before dialling: not before" in console.get(lead_path(waiting)).text


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", "Before sending: held, because sending is switched off; looked at again every 5 minutes (Call)"),
        ("ja", "送信前の判定：送信が停止されているため保留、5 分ごとに再確認（電話）"),
    ],
    ids=["en", "ja"],
)
def test_a_step_that_is_held_names_no_instant_that_will_be_past(world: World, lang: str, said: str) -> None:
    lead = make_lead(world.acme, channel=Channel.CALL, now=NOW)
    change(lead.tenant.tenant_id, "update tenant set sending_stopped_at = now()")
    with tenant_transaction(lead.tenant.tenant_id) as session:
        sending.admit_call_step(session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, costs=None, now=NOW)
    assert said in log_in(world, Role.OPERATOR, lang=lang).get(lead_path(lead)).text


def test_a_dial_that_never_left_can_only_be_no_answer(world: World, waiting: LeadWorld) -> None:
    console = log_in(world, Role.OPERATOR, voice=Voice(answer=NotSent(None, "connect")), lang="en")
    console.act("/console/queue/next")
    dial(console, waiting)
    assert "Recorded: No answer" in end(console, waiting, "no_answer").text


def test_an_operator_without_a_telephone_is_told_so(world: World, waiting: LeadWorld) -> None:
    console = log_in(world, Role.OPERATOR, lang="en")
    console.act("/console/me", name="O", locale="en", timezone="Asia/Tokyo", phone="")
    console.act("/console/queue/next")
    assert "Your telephone number is missing" in dial(console, waiting)


def test_a_claim_is_renewed_while_its_page_is_open_and_given_back_on_demand(world: World, waiting: LeadWorld) -> None:
    console = log_in(world, Role.OPERATOR, lang="en")
    console.act("/console/queue/next")
    path = f"{lead_path(waiting)}/call/{task_of(waiting)}"
    assert console.htmx(f"{path}/renew").status_code == 204
    assert console.act(f"{path}/release").headers["location"] == "/console/queue?done=returned"
    lost = console.htmx(f"{path}/renew")
    assert lost.status_code == 200
    assert "Claim" in lost.text


def test_without_javascript_every_step_leads_back_to_the_page(world: World, waiting: LeadWorld) -> None:
    console = log_in(world, Role.OPERATOR)
    for step in (f"call/{task_of(waiting)}/claim", f"call/{task_of(waiting)}/dial"):
        answer = console.act(f"{lead_path(waiting)}/{step}")
        assert (answer.status_code, answer.headers["location"]) == (303, lead_path(waiting))
