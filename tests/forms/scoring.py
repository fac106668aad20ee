"""Judge by value: a field is taken as X if what was typed into it stands in a recorded request under token X.

Pure: what was typed and what arrived go in, a score comes out.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.forms.values import EMAIL, FORBIDDEN, PHONE, POSTCODE, is_neutral, right_tokens

_SHORTEST_PART = 4  # a shorter value is looked for as a part only where it belongs
_LONG = 9  # characters; so long a secret cannot stand in a request by chance
_NOISE = frozenset({"id", "at", "sent_at", "visitor", "site", "sdk"})  # random or timed: a code of 3 digits may occur
# The collections have no label for a company's name: it stands among the unknown ones.
_UNLABELLED = {"unknown": frozenset({"organization"})}


@dataclass(frozen=True)
class TypedField:
    """One field and what stood in it after the typing; a choice counts by its value and by its text."""

    place: str
    label: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Taken:
    """One value of one form event."""

    token: str
    value: str


@dataclass
class Score:
    """Counts by label (found, missed, neutral) and by token (wrong), and what there is to say of each fault."""

    pages: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    neutral: Counter[str] = field(default_factory=Counter)
    leaks: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    stuck: int = 0

    def missed(self, label: str) -> int:
        return self.fields[label] - self.found[label]

    def add(
        self, page: str, typed: list[TypedField], requests: list[str], *, awake: bool = True, stuck: bool = False
    ) -> None:
        """Count one page.

        requests   each request's path, or its body as text
        awake      whether the tag watched before the first key; where it did not, what is missed is no surprise
        stuck      whether the page stopped answering before everything was typed
        """
        self.pages += 1
        if stuck:
            self.stuck += 1
            self.faults.append(f"STUCK   {'':18} {page}  the page answered no more")
        if not awake:
            self.faults.append(f"asleep  {'':18} {page}  the tag did not watch the page's fields in time")
        taken = list(dict.fromkeys(found for request in requests for found in taken_in(request)))
        for one in typed:
            self._judge(page, one, taken)
            for leak in leaks_of(one, requests):
                self.leaks[one.label] += 1
                self.faults.append(f"LEAK    {one.label:18} {page}  {one.place}: {leak}")

    def _judge(self, page: str, one: TypedField, taken: list[Taken]) -> None:
        if is_neutral(one.label):
            self.neutral[one.label] += 1
            return
        right = right_tokens(one.label)
        self.fields[one.label] += 1
        if any(stands_in(value, each) for value in one.values for each in taken if each.token in right):
            self.found[one.label] += 1
        elif right:
            self.faults.append(f"missed  {one.label:18} {page}  {one.place}")
        for token in sorted(
            {each.token for each in taken if is_of(one, each)} - right - _UNLABELLED.get(one.label, right)
        ):
            self.wrong[token] += 1
            self.faults.append(f"wrong   {one.label:18} {page}  {one.place}: taken as {token}")


def taken_in(request: str) -> Iterator[Taken]:
    """Every field's value in a request's body; nothing in what is not the SDK's JSON."""
    try:
        told = json.loads(request)
    except ValueError:
        return
    for event in told.get("events", ()):
        if event["type"] == "form":
            for token, value in event["data"]["fields"].items():
                yield Taken(token, value)


def plain(text: str) -> str:
    """Without what is only a way of writing: width, case, spaces, hyphens, brackets, and kana in katakana."""
    narrow = re.sub(r"[\s()‐‑–—−ー-]", "", unicodedata.normalize("NFKC", text).casefold())
    return "".join(chr(ord(char) + 0x60) if "ぁ" <= char <= "ゖ" else char for char in narrow)


def stands_in(value: str, taken: Taken) -> bool:
    """Whether a value is what was taken, or a part that was joined; numbers and addresses must have been narrowed."""
    if taken.token in ("email", "tel", "postal-code") and unicodedata.normalize("NFKC", taken.value) != taken.value:
        return False
    typed, got = plain(value), plain(taken.value)
    if taken.token == "tel":
        typed, got = _digits(typed).removeprefix("81").lstrip("0") or typed, _digits(got)
    return bool(typed) and typed in got


def is_of(one: TypedField, taken: Taken) -> bool:
    """Whether a value that was taken is this field's, whole or, where it is long enough to tell, in part."""
    got = plain(taken.value)
    if taken.token == "email":
        return any(typed in (got, *got.split("@")) for typed in map(plain, one.values))
    return any(typed == got or (len(typed) >= _SHORTEST_PART and typed in got) for typed in map(plain, one.values))


def leaks_of(one: TypedField, requests: list[str]) -> list[str]:
    """The requests' texts in which a forbidden value stands, at most one a request."""
    if one.label not in FORBIDDEN:
        return []
    seen = []
    for request in requests:
        for value in one.values:
            secret = plain(value)
            if len(secret) >= _LONG:
                here = secret in plain(request) or any(secret in plain(text) for text in _texts(request))
            else:
                whole = re.compile(rf"(?<![0-9a-z]){re.escape(secret)}(?![0-9a-z])")
                words = (word for text in _texts(request) for word in (text, *text.split()))
                here = len(secret) > 1 and any(whole.search(plain(word)) for word in words)
            if here:
                seen.append(request[:200])
                break
    return seen


def _texts(request: str) -> Iterator[str]:
    try:
        told: object = json.loads(request)
    except ValueError:
        yield request
        return
    yield from _leaves(told)


def _leaves(told: object) -> Iterator[str]:
    if isinstance(told, str):
        yield told
    elif isinstance(told, list):
        for each in told:
            yield from _leaves(each)
    elif isinstance(told, dict):
        for name, each in told.items():
            if name not in _NOISE:
                yield name
                yield from _leaves(each)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


#: At most so many may be missed of a label; of the others of `AT_LEAST_PCT` a share must be found.
AT_MOST_MISSED = {EMAIL: 2, PHONE: 1}
AT_LEAST_PCT = {"fullName": 95, "firstName": 95, "lastName": 95, POSTCODE: 95}
AT_MOST_WRONG = 1


def shortcomings(score: Score) -> list[str]:
    """What must hold and does not, one sentence each."""
    short = [f"{score.stuck} pages stopped answering"] if score.stuck else []
    for label, most in AT_MOST_MISSED.items():
        if score.missed(label) > most:
            short.append(f"{label}: {score.missed(label)} of {score.fields[label]} missed, at most {most} may be")
    for label, least_pct in AT_LEAST_PCT.items():
        if score.fields[label] and score.found[label] * 100 < least_pct * score.fields[label]:
            short.append(f"{label}: {score.found[label]} of {score.fields[label]} found, {least_pct} % must be")
    for token, count in score.wrong.items():
        if count > AT_MOST_WRONG:
            short.append(f"{token}: {count} taken that are something else, at most {AT_MOST_WRONG} may be")
    for label, count in score.leaks.items():
        short.append(f"{label}: in {count} requests, none may hold one")
    return short


def table(title: str, score: Score) -> str:
    """The score as text, one line a label."""
    lines = [f"{title}: {score.pages} pages", f"{'label':22}{'fields':>7}{'found':>7}{'missed':>7}{'%':>7}{'wrong':>7}"]
    for label in sorted(score.fields, key=lambda name: (not right_tokens(name), name)):
        right = right_tokens(label)
        if right:
            share = f"{100 * score.found[label] / score.fields[label]:.1f}"
            wrong = sum(score.wrong[token] for token in right)
            count = f"{score.found[label]:7}{score.missed(label):7}{share:>7}{wrong:7}"
        else:
            leaks = f"{score.leaks[label]:4} in requests" if label in FORBIDDEN else ""
            count = f"{'':21}{leaks}"
        lines.append(f"{label:22}{score.fields[label]:7}{count}")
    for label, number in sorted(score.neutral.items()):
        lines.append(f"{label:22}{number:7}   neutral")
    lines.append(f"forbidden values in requests: {score.leaks.total()}")
    return "\n".join(lines)
