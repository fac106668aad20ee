"""What this room refuses, by name."""

from modori.kernel.errors import BadInput, Conflict


class BadTerms(BadInput):
    code = "bad_terms"
    title = "These contract terms are impossible"


class ResultHeld(Conflict):
    code = "result_held"
    title = "The result still waits out its hold"


class ResultDecided(Conflict):
    code = "result_decided"
    title = "The result has been decided already"


class OwnWord(Conflict):
    code = "own_word"
    title = "Who brought the order by a file does not approve its result"


class NoteMissing(BadInput):
    code = "note_missing"
    title = "A refusal needs its reason"


class MonthNotOver(Conflict):
    code = "month_not_over"
    title = "The month is not over yet"


class MixedCurrencies(Conflict):
    code = "mixed_currencies"
    title = "The month has entries in more than one currency"
