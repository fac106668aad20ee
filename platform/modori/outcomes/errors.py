"""What this room refuses, by name."""

from modori.kernel.errors import BadInput, Conflict


class AtInFuture(BadInput):
    code = "at_in_future"
    title = "The instant lies in the future"


class AtTooOld(BadInput):
    code = "at_too_old"
    title = "The instant lies too far in the past"


class NobodyNamed(BadInput):
    """For edges to answer with after the commit: the order itself is kept."""

    code = "nobody_named"
    title = "The order names nobody by a name that is known"


class OrderDiffers(Conflict):
    code = "order_differs"
    title = "This order id is on record with other contents"


class ReversalDiffers(Conflict):
    code = "reversal_differs"
    title = "This reversal id is on record with other contents"


class ReversalExceedsOrder(Conflict):
    code = "reversal_exceeds_order"
    title = "The reversal is larger than what is left of the order"


class ReversalBeforeOrder(Conflict):
    """For edges to answer with after the commit: the reversal itself is kept."""

    code = "reversal_before_order"
    title = "No such order has been reported by a server yet; the reversal is kept and applied when it is"
