"""Tie a child process to the life of the process that started it, so that a killed parent leaves nothing behind."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def die_with_parent(last_signal: signal.Signals) -> Callable[[], None] | None:
    """Make a `preexec_fn` that asks the kernel to send `last_signal` when the starting thread ends.

    Linux ties the signal to the *thread* that forked, so call Popen from a thread that lives as long as the parent.
    Elsewhere there is no such request: the answer is None, and a later start clears what an earlier one left.
    source   prctl(2), PR_SET_PDEATHSIG; it is cleared by a change of user, and Popen changes the user before preexec_fn
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent_pid = os.getpid()

    def request() -> None:
        prctl(_PR_SET_PDEATHSIG, int(last_signal), 0, 0, 0)
        if os.getppid() != parent_pid:  # the parent died between fork and here: its signal will never come
            os._exit(1)

    return request
