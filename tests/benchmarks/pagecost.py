"""What the SDK costs a page, from Chromium's trace, beside two analytics trackers that are loaded in the same way.

python -m tests.benchmarks.pagecost
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from modori.entrypoints import resources
from modori.sandbox.chromium import launch_options
from tests.benchmarks.figures import percentile, say, say_row, spread
from tests.benchmarks.ground import Ground
from tests.benchmarks.tracing import CATEGORIES, ScriptCost, read_cost
from tests.benchmarks.trackers import PLAUSIBLE, UMAMI, fetch_tracker
from tests.benchmarks.visiting import Quiet, serving

PAGE: Final = Path(__file__).with_name("cost_page.html")
REPEATS: Final = 7
INPUTS: Final = 40
THROTTLE: Final = 4
TYPED_INPUTS: Final = 200
TYPED: Final = "yamada 12"
TYPING_REPEATS: Final = 3
QUIET_MS: Final = 4_000
"""After loading: late parts come, and the first events go."""

MOST_TIMES: Final = 1.5
MOST_TASK_MS: Final = 50.0
MOST_INPUT_MS: Final = 0.2
_CONFIG: Final = b'{"mode": "notice", "notice_selector": "#notice", "heartbeat_s": 15, "origins": []}'
_CORS: Final = ("Access-Control-Allow-Origin", "*")


@dataclass
class Scripts:
    """Serves the SDK and the trackers by name, and takes what they report."""

    trackers: dict[str, bytes]
    url: str = ""
    taken: list[str] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator[None]:
        scripts = self

        class Host(Quiet):
            def do_GET(self) -> None:  # noqa: N802  # the base class's name
                name = urlsplit(self.path).path.rpartition("/")[2]
                if self.path.startswith("/sdk/"):
                    found = resources.sdk() / name
                    status, body = (200, found.read_bytes()) if found.is_file() else (404, b"")
                    self.answer(status, [("Content-Type", "text/javascript"), _CORS], body)
                elif name in scripts.trackers:
                    self.answer(200, [("Content-Type", "text/javascript"), _CORS], scripts.trackers[name])
                else:
                    self.answer(200, [("Content-Type", "application/json"), _CORS], _CONFIG)

            def do_OPTIONS(self) -> None:  # noqa: N802  # the base class's name
                allowed = ("Access-Control-Allow-Headers", "content-type, x-umami-cache")
                self.answer(204, [_CORS, allowed], b"")

            def do_POST(self) -> None:  # noqa: N802  # the base class's name
                self.rfile.read(int(self.headers["Content-Length"]))
                scripts.taken.append(self.path)
                self.answer(202, [_CORS], b"{}")

        with serving(Host) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield


@contextmanager
def cost_page(scripts: Scripts, script: str, inputs: int) -> Iterator[str]:
    """Serve the page with one tag, at an origin of its own."""
    address = f"{scripts.url}/{script}"
    text = PAGE.read_text().replace("SCRIPT", address).replace("SERVER", scripts.url).replace("INPUTS", str(inputs))

    class Pages(Quiet):
        def do_GET(self) -> None:  # noqa: N802  # the base class's name
            self.answer(200, [("Content-Type", "text/html; charset=utf-8")], text.encode())

    with serving(Pages) as port:
        yield f"http://localhost:{port}/order"


@dataclass(frozen=True)
class PageCost:
    """One page's life. `shift` is the sum of its layout shifts (CLS without session windows)."""

    script: ScriptCost
    shift: float


def trace_page(
    browser: Browser, scripts: Scripts, script: str, *, inputs: int, throttle: int, type_all: bool
) -> PageCost:
    """Load the page in a browser without a past, perhaps type into each input at once, and read the trace."""
    with cost_page(scripts, script, inputs) as url:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(120_000)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": throttle})
        browser.start_tracing(page=page, categories=CATEGORIES)
        page.goto(url)
        page.wait_for_timeout(QUIET_MS)
        if type_all:
            page.focus("input")
            for _ in range(inputs):
                page.keyboard.type(TYPED)
                page.keyboard.press("Tab")
            page.wait_for_timeout(1_500)
        trace = browser.stop_tracing()
        shift = float(page.evaluate("shift"))
        context.close()
    return PageCost(read_cost(trace, scripts.url, page=url), shift)


def measure(ready: Ground | None = None) -> None:
    """Alternate between the scripts, say medians and spread, and hold the SDK to its limits."""
    trackers = {"umami.js": fetch_tracker(UMAMI), "plausible.js": fetch_tracker(PLAUSIBLE)}
    scripts = Scripts({name: one.script.encode() for name, one in trackers.items()})
    with scripts.open(), sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        loads = _alternate(browser, scripts, ["sdk/v1/modori.js", *trackers])
        typed = [
            trace_page(browser, scripts, "sdk/v1/modori.js", inputs=TYPED_INPUTS, throttle=1, type_all=True)
            for _ in range(TYPING_REPEATS)
        ]
        version = browser.version
        browser.close()
    say()
    say(f"Page cost: Chromium {version}, {INPUTS} inputs, {THROTTLE}× CPU throttle; median of {REPEATS}")
    for name, costs in loads.items():
        title = f"{trackers[name].name} ({trackers[name].gzip_bytes} B)" if name in trackers else "the SDK"
        say_row(f"script time, {title}", spread([cost.script.script_ms for cost in costs]), "ms")
    ours = loads.pop("sdk/v1/modori.js")
    times = {
        name: spread([a.script.script_ms / b.script.script_ms for a, b in zip(ours, costs, strict=True)])
        for name, costs in loads.items()
    }
    for name, ratio in times.items():
        say_row(f"  times {trackers[name].name}", ratio, f"(at most {MOST_TIMES})")
    say_row("longest task's part", spread([cost.script.longest_task_ms for cost in ours]), "ms")
    say(
        f"{TYPED_INPUTS} inputs, {len(TYPED)} keys in each, typed at once, without throttle; median of {TYPING_REPEATS}"
    )
    medians = [percentile(cost.script.input_ms, 0.5) for cost in typed]
    longest = [cost.script.longest_task_ms for cost in typed]
    say_row("handlers of an input event, p50", spread(medians), f"ms (under {MOST_INPUT_MS})")
    say_row("  p99", spread([percentile(cost.script.input_ms, 0.99) for cost in typed]), "ms")
    say_row("longest task's part", spread(longest), f"ms (at most {MOST_TASK_MS:.0f})")
    say_row("layouts forced: by input events, at all", str([_layouts(cost) for cost in typed]), "")
    say_row("layout shift", max(cost.shift for cost in [*ours, *typed]), "")
    assert all(len(cost.script.input_ms) >= TYPED_INPUTS * len(TYPED) for cost in typed), "every key was an input event"
    assert max(medians) < MOST_INPUT_MS, medians
    assert max(longest) <= MOST_TASK_MS, longest
    assert not any(cost.script.input_layouts for cost in typed), [_layouts(cost) for cost in typed]
    assert not any(cost.shift for cost in [*ours, *typed])
    assert min(ratio.median for ratio in times.values()) <= MOST_TIMES, times


def _alternate(browser: Browser, scripts: Scripts, names: list[str]) -> dict[str, list[PageCost]]:
    costs: dict[str, list[PageCost]] = {name: [] for name in names}
    for number in range(-1, REPEATS):  # the first round only warms the browser up
        for name in names:
            cost = trace_page(browser, scripts, name, inputs=INPUTS, throttle=THROTTLE, type_all=False)
            if number >= 0:
                costs[name].append(cost)
    return costs


def _layouts(cost: PageCost) -> tuple[int, int]:
    return cost.script.input_layouts, cost.script.forced_layouts


if __name__ == "__main__":
    measure()
