"""How `make forms` judges: what counts as found, as wrong, as a leak. A judge that cannot fail a page is none."""

import json

import pytest

from tests.forms.pages import without_labels, without_scripts
from tests.forms.scoring import Score, TypedField, shortcomings
from tests.forms.values import FORBIDDEN, TOKENS, Room, card_number, value_for


def told(**fields: str) -> str:
    """A request as the tag sends it; `_` in a name stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    event = {"id": "0af1", "type": "form", "at": "2026-11-22T03:07:31.512Z", "data": {"form": "f", "fields": named}}
    return json.dumps({"site": "pk_1", "sdk": "1.0.0", "events": [event]})


def scored(typed: list[tuple[str, str]], *requests: str) -> Score:
    score = Score()
    score.add("page.html", [TypedField("<input>", label, (value,)) for label, value in typed], list(requests))
    return score


@pytest.mark.parametrize(
    ("label", "value", "request_", "found"),
    [
        ("emailAddress", "taro.aa@mail.example", told(email="taro.aa@mail.example"), 1),
        ("emailAddress", "ｔａｒｏ＠ｍａｉｌ．ｅｘａｍｐｌｅ", told(email="taro@mail.example"), 1),
        (
            "emailAddress",
            "ｔａｒｏ＠ｍａｉｌ．ｅｘａｍｐｌｅ",
            told(email="ｔａｒｏ＠ｍａｉｌ．ｅｘａｍｐｌｅ"),
            0,
        ),  # not narrowed
        ("emailAddress", "taro.aa@mail.example", told(name="taro.aa@mail.example"), 0),
        ("phone", "4821", told(tel="090-4821-7730"), 1),  # a part of a joined number
        ("phone", "090-4821-7730", told(tel="+819048217730"), 1),
        ("phone", "090-4821-7730", told(tel="090-4821-7731"), 0),
        ("addressPostalCode", "150", told(postal_code="150-0043"), 1),
        ("lastNameKana", "やまだ", told(family_name_kana="ヤマダ"), 1),
        ("fullName", "山田　花子", told(name="山田 花子"), 1),
        ("fullName", "山田 花子", told(family_name="山田"), 0),
        ("emailAddress", "taro.aa@mail.example", "/v1/sites/pk_1/config", 0),
    ],
)
def test_found_is_what_arrives_under_the_right_token(label: str, value: str, request_: str, found: int) -> None:
    score = scored([(label, value)], request_)
    assert (score.found[label], score.missed(label)) == (found, 1 - found)


@pytest.mark.parametrize(
    ("label", "value", "token"),
    [
        ("unknown", "花子商店", "name"),
        ("username", "harbour_aa71", "email"),
        ("phone", "090-4821-7730", "postal-code"),
        ("firstName", "花子", "name"),
        ("cardName", "HANAKO", "name"),
    ],
)
def test_wrong_is_what_arrives_under_another_token(label: str, value: str, token: str) -> None:
    assert scored([(label, value)], told(**{token: value})).wrong == {token: 1}


def test_a_word_of_a_choice_is_no_address_for_standing_in_one() -> None:
    assert scored([("unknown", "mail")], told(email="taro@mail.example")).wrong == {}
    assert scored([("unknown", "taro")], told(email="taro@mail.example")).wrong == {"email": 1}


def test_a_label_that_leaves_it_open_is_neither_right_nor_wrong() -> None:
    score = scored([("username OR emailAddress", "taro.aa@mail.example")], told(tel="taro.aa@mail.example"))
    assert (score.neutral.total(), score.fields.total(), score.wrong.total()) == (1, 0, 0)


@pytest.mark.parametrize(
    ("label", "value", "request_", "leaks"),
    [
        ("cardNumber", "4539148036132707", told(name="4539 1480 3613 2707"), 1),
        ("cardNumber", "4539148036132707", told(name="４５３９１４８０３６１３２７０７"), 1),
        ("cardNumber", "4539148036132707", "/v1/anything?q=4539148036132707", 1),
        ("cardSecurityCode", "512", told(name="512"), 1),
        ("cardSecurityCode", "512", told(tel="0905121234"), 0),  # digits of a number, and of the event's time
        ("expiration", "07/33", told(organization="exp 07/33"), 1),
        ("password", "Gehe1m!aaxQ", told(name="Gehe1m!aaxQ"), 1),
        ("totp", "482913", told(postal_code="482913"), 1),
        ("never", "613482905117", told(street_address="613482905117"), 1),
        ("emailAddress", "taro.aa@mail.example", told(email="taro.aa@mail.example"), 0),
    ],
)
def test_a_leak_is_a_secret_in_any_request(label: str, value: str, request_: str, leaks: int) -> None:
    assert scored([(label, value)], request_).leaks.total() == leaks


def test_one_leak_or_two_wrong_ones_are_too_many() -> None:
    assert shortcomings(scored([("totp", "482913")], told(tel="482913"))) != []
    one = [("unknown", "花子商店")]
    assert shortcomings(scored(one, told(name="花子商店"))) == []
    assert shortcomings(scored([*one, ("unknown", "山田書店")], told(name="花子商店"), told(name="山田書店"))) != []


def test_three_missed_addresses_and_two_missed_phones_are_too_many() -> None:
    addresses = [("emailAddress", f"taro.{at}@mail.example") for at in range(3)]
    assert shortcomings(scored(addresses[:2])) == []
    assert shortcomings(scored(addresses)) != []
    assert shortcomings(scored([("phone", "0904821773")])) == []
    assert shortcomings(scored([("phone", "0904821773"), ("phone", "0904821774")])) != []


def test_the_browser_sees_no_label_and_no_script() -> None:
    page = b"""<input data-manual-scoring="phone" name="a" data-manual-value='090'
      data-ddg-autofill="x" data-manual-next><script>x < 1</script >"""
    assert without_scripts(without_labels(page)) == b"""<input name="a">"""


def test_no_two_fields_of_a_page_are_given_the_same() -> None:
    room = Room(None, digits_only=False, japanese=True)
    telling = sorted(
        set(TOKENS) | (FORBIDDEN - {"expiration", "expirationMonth", "expirationYear", "cardSecurityCode"})
    )
    values = [value_for(label, serial, room) for label in telling for serial in range(1, 60)]
    assert len(set(values)) + 59 * 2 == len(values)  # the passwords' three labels share theirs


@pytest.mark.parametrize("serial", [0, 1, 59, 675])
def test_a_typed_card_number_passes_luhn(serial: int) -> None:
    digits = [int(digit) for digit in reversed(card_number(serial))]
    assert len(digits) == 16
    assert (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0
