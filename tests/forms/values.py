"""What is typed into a field, by the label that says what the field truly means."""

from dataclasses import dataclass
from string import ascii_lowercase

EMAIL, PHONE, POSTCODE = "emailAddress", "phone", "addressPostalCode"

#: The tokens that are right for a label. A label that is not here must not be taken at all.
TOKENS: dict[str, frozenset[str]] = {
    EMAIL: frozenset({"email"}),
    PHONE: frozenset({"tel"}),
    "fullName": frozenset({"name"}),
    "lastName": frozenset({"family-name"}),
    "firstName": frozenset({"given-name"}),
    "fullNameKana": frozenset({"name-kana"}),
    "lastNameKana": frozenset({"family-name-kana"}),
    "firstNameKana": frozenset({"given-name-kana"}),
    POSTCODE: frozenset({"postal-code"}),
    "addressProvince": frozenset({"address-level1"}),
    "addressCity": frozenset({"address-level2"}),
    "addressStreet": frozenset({"address-line1", "street-address"}),
    "addressStreet2": frozenset({"address-line2"}),
    "organization": frozenset({"organization"}),
}
#: Labels whose values may be in no request, under any name. `never` is what else a Japanese form asks: an individual
#: number, an account's number.
FORBIDDEN = frozenset(
    {"cardNumber", "cardSecurityCode", "expiration", "expirationMonth", "expirationYear", "totp", "never"}
    | {"password", "password.new", "password.current"}
)
#: What a form asks for twice so that a typing error shows.
REPEATED = frozenset({EMAIL, PHONE})
#: A field of at most so many characters holds a part of a number.
LONGEST_PART = 5
_EITHER = " OR "


@dataclass(frozen=True)
class Room:
    """What the field itself lets a typist see: how much fits, and whether only a number does."""

    length: int | None
    digits_only: bool
    japanese: bool


def is_neutral(label: str) -> bool:
    """Whether the label leaves open what the field is (`username OR emailAddress`): never right, never wrong."""
    return _EITHER in label


def right_tokens(label: str) -> frozenset[str]:
    return TOKENS.get(label, frozenset())


def value_for(label: str, serial: int, room: Room) -> str:
    """A plausible value that no other field of the page is given, for serials from 0 to 675."""
    meant = label.split(_EITHER)[-1]
    text = _japanese(meant, serial) if room.japanese else None
    text = text or _anywhere(meant, serial)
    if room.length is not None and room.length <= LONGEST_PART and meant in (PHONE, POSTCODE, "totp", "never"):
        return _part(meant, serial, room.length)
    if room.digits_only and not text.replace("-", "").isdigit():
        return f"{serial + 11}"
    if room.length is not None and len(text) > room.length:
        text = text.replace("-", "")
    return text if room.length is None else text[: room.length]


def _letters(serial: int) -> str:
    high, low = divmod(serial, len(ascii_lowercase))
    return ascii_lowercase[high % len(ascii_lowercase)] + ascii_lowercase[low]


def _part(label: str, serial: int, length: int) -> str:
    if label == PHONE:  # no part of a number is longer than four digits, whatever there is room for
        length = min(length, 4)
    digits = f"{(serial * 7919 + 2468) % 10**length:0{length}d}"
    return "0" + digits[1:] if label == PHONE else digits


def _anywhere(label: str, serial: int) -> str:
    tail = _letters(serial)
    known = {
        EMAIL: f"taro.{tail}@mail.example",
        PHONE: f"20255{serial:03d}27",
        "firstName": f"Mari{tail}",
        "lastName": f"Hoffman{tail}",
        "middleName": f"Lou{tail}",
        "fullName": f"Mari Hoffman{tail}",
        "cardName": f"M HOLDER{tail.upper()}",
        POSTCODE: f"1{serial:03d}7",
        "addressCity": f"Springfield{tail}",
        "addressProvince": f"Westland{tail}",
        "addressStreet": f"{serial + 12} Orchard{tail} Road",
        "addressStreet2": f"Flat {serial + 3}{tail}",
        "organization": f"Harbour{tail} Ltd",
        "username": f"harbour_{tail}71",
        "birthday": f"1985-04-{serial % 28 + 1:02d}",
        "birthdayYear": str(1930 + serial % 70),
        "birthdayMonth": f"{serial % 12 + 1:02d}",
        "birthdayDay": f"{serial % 28 + 1:02d}",
        "cardNumber": card_number(serial),
        "cardSecurityCode": f"{(serial * 37 + 641) % 1000:03d}",
        "expiration": f"{serial % 12 + 1:02d}/{31 + serial % 8}",
        "expirationMonth": f"{serial % 12 + 1:02d}",
        "expirationYear": str(2031 + serial % 8),
        "totp": f"{(serial * 7919 + 482_913) % 1_000_000:06d}",
        "never": f"{(serial * 7919 + 613_482_905_117) % 10**12:012d}",
    }
    if label.startswith("password"):
        return f"Gehe1m!{tail}xQ"
    return known.get(label, f"plain{tail}")


def _japanese(label: str, serial: int) -> str | None:
    kanji, kana = "一二三四五六七八九十百千", "アイウエオカキクケコサシスセソタチツテト"
    mark, sound = kanji[serial // 12 % 12] + kanji[serial % 12], kana[serial // 20 % 20] + kana[serial % 20]
    return {
        PHONE: f"090-{3100 + serial}-5678",
        "firstName": f"{mark}子",
        "lastName": f"山{mark}",
        "fullName": f"山{mark} 花子",
        "firstNameKana": f"ハナ{sound}",
        "lastNameKana": f"ヤマ{sound}",
        "fullNameKana": f"ヤマダ ハナ{sound}",
        POSTCODE: f"{150 + serial}-0043",
        "addressCity": f"渋谷区{mark}町",
        "addressStreet": f"道玄坂{mark}丁目2-{serial + 1}",
        "addressStreet2": f"メゾン{sound}203",
        "organization": f"株式会社{sound}商事",
    }.get(label)


def card_number(serial: int) -> str:
    """A Visa-like number of 16 digits that passes Luhn (ISO/IEC 7812-1, annex B)."""
    body = f"4539{(serial * 7919 + 14_802_613_577) % 10**11:011d}"
    doubled = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(body))
    return body + str(-doubled % 10)
