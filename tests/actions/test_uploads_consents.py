"""Files of consents on real PostgreSQL: each row brings its evidence or is refused (RULES 3)."""

from modori.connectors.csv.model import UploadKind
from modori.people.model import Channel
from modori.sending import actions as sending
from modori.sending.ports import Permit
from modori.sending.rules import Reason
from modori.storage.db import tenant_transaction
from tests.leadworld import LeadWorld, make_lead
from tests.orderworld import CONTENT
from tests.questions import ask_one
from tests.uploadworld import LATER, TEXT, Line, approve, consents, outcomes, report, upload
from tests.world import World


def begin(lead: LeadWorld) -> object:
    """Ask the gate whether the lead's message may go out."""
    with tenant_transaction(lead.tenant.tenant_id) as session:
        return sending.begin_touch(
            session, tenant_id=lead.tenant.tenant_id, touch_id=lead.touch_id, content=CONTENT, deadline_s=30, now=LATER
        )


def test_rules_3_consents_bring_their_evidence_or_are_refused(world: World) -> None:
    content = consents(
        f"メール,Hanako@example.jp,はい,{TEXT},2026/10/01,店頭申込書",
        f"メール,hanako@example.jp,はい,{TEXT},2026/10/01,店頭申込書",
        f"SMS,０９０－１２３４－５６７８,○,{TEXT},2026/10/01 10:00,https://shop.acme.example/join?mail=x@y.jp",
        "電話,03-1234-5678,拒否,,2026/10/01 10:00,",  # a withdrawal needs no words
        "メール,taro@example.jp,はい,,2026/10/01,店頭申込書",
        f"メール,taro@example.jp,はい,{TEXT},2026/10/01,",
        f"メール,taro@example.jp,はい,{TEXT},,店頭申込書",
        f"メール,taro@example.jp,はい,{TEXT},2027/10/01,店頭申込書",
        f"メール,090-1234-5678,はい,{TEXT},2026/10/01,店頭申込書",
        f"はがき,taro@example.jp,はい,{TEXT},2026/10/01,店頭申込書",
        f"メール,taro@example.jp,たぶん,{TEXT},2026/10/01,店頭申込書",
        f"LINE,U{'0' * 32},yes,{TEXT},2026/10/01,QR",
    )
    expected: list[Line] = [
        (2, "new", None, None),
        (3, "known", "repeated", None),
        (4, "new", None, None),
        (5, "new", None, None),
        (6, "refused", "missing_value", "text"),
        (7, "refused", "missing_value", "screen"),
        (8, "refused", "missing_value", "given_at"),
        (9, "refused", "at_in_future", "given_at"),
        (10, "refused", "bad_email", "contact"),
        (11, "refused", "bad_channel", "channel"),
        (12, "refused", "bad_answer", "granted"),
        (13, "new", None, None),
    ]
    upload_id = upload(world, UploadKind.CONSENTS, content)
    assert report(world.acme, upload_id) == expected
    assert ask_one(world.acme.tenant_id, "select count(*) from consent") == 0
    approve(world, upload_id)
    assert report(world.acme, upload_id) == expected
    again = upload(world, UploadKind.CONSENTS, content)
    approve(world, again)
    assert [one for one in outcomes(world.acme, again) if one != "refused"] == ["known"] * 5
    assert ask_one(world.acme.tenant_id, "select count(*) from consent where source = 'csv'") == 4
    sms = "select text || ' ' || page_url from consent where channel = 'sms'"
    assert ask_one(world.acme.tenant_id, sms) == f"{TEXT} https://shop.acme.example/join"


def test_a_rows_channel_says_which_column_its_contact_is_in(world: World) -> None:
    head, tail = "channel,メールアドレス,電話番号,同意,同意文,同意日時,画面", f"はい,{TEXT},2026/10/01,店頭申込書"
    rows = [
        f"メール,hanako@example.jp,090-1234-5678,{tail}",
        f"SMS,hanako@example.jp,090-1234-5678,{tail}",
        f"電話,hanako@example.jp,,{tail}",
        f"メール,090-1234-5678,,{tail}",
        f"LINE,hanako@example.jp,,{tail}",
    ]
    upload_id = upload(world, UploadKind.CONSENTS, "\n".join([head, *rows, ""]))
    approve(world, upload_id)
    assert report(world.acme, upload_id) == [
        (2, "new", None, None),
        (3, "new", None, None),
        (4, "refused", "missing_value", "tel"),
        (5, "refused", "bad_email", "email"),
        (6, "refused", "missing_value", "contact"),
    ]
    kinds = "select string_agg(channel || ' ' || kind, ',' order by channel) from consent join contact_point"
    kinds += " using (tenant_id, contact_point_id)"
    assert ask_one(world.acme.tenant_id, kinds) == "email email,sms phone"


def test_an_uploaded_consent_lets_a_lead_be_written_to(world: World) -> None:
    lead, other = (make_lead(world.acme, channel=Channel.EMAIL, consent=None) for _ in range(2))
    rows = consents(f"email,{lead.value},yes,{TEXT},2026/11/18 12:30,店頭申込書")
    approve(world, upload(world, UploadKind.CONSENTS, rows))
    assert isinstance(begin(lead), Permit)
    denied = begin(other)
    assert isinstance(denied, sending.Denied)
    assert denied.reason is Reason.NO_CONSENT


def test_an_uploaded_withdrawal_takes_an_older_consent_back(world: World) -> None:
    lead, other = (make_lead(world.acme, channel=Channel.EMAIL) for _ in range(2))
    rows = consents(f"email,{lead.value},no,,2026/11/18 12:30,")
    approve(world, upload(world, UploadKind.CONSENTS, rows))
    denied = begin(lead)
    assert isinstance(denied, sending.Denied)
    assert denied.reason is Reason.NO_CONSENT
    assert isinstance(begin(other), Permit)
