"""What a Chromium trace says of the script time of some addresses.

Times are milliseconds of the thread's own processor time, which a busy machine stretches less than the clock's; a
throttled page spends it, too.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

CATEGORIES: Final = [
    "-*",
    "toplevel",
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "v8",
    "v8.execute",
    "disabled-by-default-v8.compile",
    "loading",
    "blink.user_timing",
]
_SCRIPT: Final = frozenset({"EvaluateScript", "FunctionCall", "v8.compile", "v8.compileModule", "v8.evaluateModule"})
_MICROTASKS: Final = "RunMicrotasks"
_LAYOUT: Final = frozenset({"Layout", "UpdateLayoutTree", "RecalculateStyles"})
_TASKS: Final = frozenset({"RunTask", "ThreadControllerImpl::RunTask"})


@dataclass
class Span:
    """One complete event with those that lie within it."""

    name: str
    start_us: float
    end_us: float
    took_ms: float
    args: dict[str, Any]
    inner: list["Span"] = field(default_factory=list)

    @property
    def url(self) -> str:
        said = self.args.get("data") or {}
        return str(said.get("url") or said.get("fileName") or self.args.get("fileName") or "")

    def walk(self) -> Iterator["Span"]:
        """Yield this one and all within it."""
        yield self
        for span in self.inner:
            yield from span.walk()


@dataclass(frozen=True)
class ScriptCost:
    """What the scripts of one origin cost on a page's main thread.

    script_ms         compiling, evaluating, calls and microtasks
    longest_task_ms   the most that one task spent in them
    forced_layouts    style and layout work that they asked for, in the middle of a call
    input_ms          for each `input` event, their handlers' time
    input_layouts     style and layout work within those
    """

    script_ms: float
    longest_task_ms: float
    forced_layouts: int
    input_ms: Sequence[float]
    input_layouts: int


def read_cost(trace: bytes, origin: str, *, page: str) -> ScriptCost:
    """Sum up what is attributable to scripts whose address starts with `origin`.

    Microtasks name no script: those count that run by themselves, which is right for pages whose own scripts have none.

    page  where the page is whose main thread is meant; an inline script of it runs
    """
    roots = _main_thread(json.loads(trace)["traceEvents"], page)
    script_ms, forced, longest = 0.0, 0, 0.0
    for root in roots:
        ours = list(_ours(root, origin))
        spent = sum(span.took_ms for span in ours)
        script_ms += spent
        longest = max(longest, spent)
        forced += sum(inner.name in _LAYOUT for span in ours for inner in span.walk())
    inputs = [span for root in roots for span in root.walk() if _is_input(span)]
    handlers = [list(_ours(span, origin)) for span in inputs]
    return ScriptCost(
        script_ms=script_ms,
        longest_task_ms=longest,
        forced_layouts=forced,
        input_ms=[sum(span.took_ms for span in each) for each in handlers],
        input_layouts=sum(one.name in _LAYOUT for each in handlers for span in each for one in span.walk()),
    )


def _is_input(span: Span) -> bool:
    return span.name == "EventDispatch" and (span.args.get("data") or {}).get("type") == "input"


def _ours(span: Span, origin: str) -> Iterator[Span]:
    """Yield the outermost spans of our scripts; what lies within one is part of it."""
    if (span.name in _SCRIPT and span.url.startswith(origin)) or span.name == _MICROTASKS:
        yield span
    elif not (span.name in _SCRIPT and span.url):  # another's script: what it calls is its own
        for inner in span.inner:
            yield from _ours(inner, origin)


def _main_thread(events: list[dict[str, Any]], page: str) -> list[Span]:
    """Nest the complete events of the thread that evaluated the page's inline script. raises ValueError without it"""
    found = (
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "EvaluateScript" and event["args"].get("data", {}).get("url") == page
    )
    main = next(found, None)
    if main is None:
        raise ValueError(f"the trace does not show {page}")
    complete = [
        Span(
            str(event["name"]),
            event["ts"],
            event["ts"] + event.get("dur", 0),
            event.get("tdur", 0) / 1000,
            event.get("args") or {},
        )
        for event in events
        if event.get("ph") == "X" and (event["pid"], event["tid"]) == main
    ]
    complete.sort(key=lambda span: (span.start_us, -span.end_us))
    roots: list[Span] = []
    open_now: list[Span] = []
    for span in complete:
        while open_now and span.start_us >= open_now[-1].end_us:
            open_now.pop()
        (open_now[-1].inner if open_now else roots).append(span)
        open_now.append(span)
    return roots
