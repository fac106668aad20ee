"""What this room refuses, by name."""

from modori.kernel.errors import BadInput, Conflict


class NotYours(Conflict):
    code = "task_not_yours"
    title = "This person is not on your desk: the claim ran out, or somebody else has it"


class OperatorBusy(Conflict):
    code = "operator_busy"
    title = "You have another person on your desk"


class CallInProgress(Conflict):
    code = "call_in_progress"
    title = "A call to this person is under way"


class NoCall(Conflict):
    code = "no_call"
    title = "Nobody has been called yet"


class CallDisposed(Conflict):
    code = "call_disposed"
    title = "This call has its outcome already"


class OpeningsMissing(Conflict):
    code = "openings_missing"
    title = "The opening lines have not all been read"


class OpeningOutOfOrder(Conflict):
    code = "opening_out_of_order"
    title = "An opening line before this one has not been read"


class BadCallback(BadInput):
    code = "bad_callback"
    title = "We may not call then"
