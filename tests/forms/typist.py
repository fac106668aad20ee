"""Type into every visible labelled field of a page by the browser's own keyboard, and leave the page."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ElementHandle, JSHandle, Page
from playwright.async_api import Error as BrowserError

from tests.forms.pages import FormPage, Recorder, Site
from tests.forms.scoring import TypedField
from tests.forms.values import LONGEST_PART, REPEATED, Room, right_tokens, value_for

_FIND = Path(__file__).with_name("fields.js").read_text()
_DESCRIBE = Path(__file__).with_name("describe.js").read_text()
_VISIT_S = 90
_READY_MS, _LATE_SCRIPT_MS, _STEP_MS = 20_000, 700, 1200
_LOOK_MS, _QUIET_MS, _SILENT_MS = 100, 300, 1500  # after leaving: between looks, without news, until the first news
_WRITABLE = {"text", "email", "tel", "search", "number", "password", "url", "textarea"}
_WAKING = {"text", "email", "tel", "number", "textarea"}  # at such a field the tag begins to watch forms
_PICKED = {"date", "month", "time"}
_HAS_SDK = """() => {
  const parts = performance.getEntriesByType("resource").map((entry) => entry.name);
  return window.modori && window.modori.version && parts.some((name) => /\\/forms\\.js\\?/.test(name));
}"""
_AGREE = """() => {
  if (!window.modori || !window.modori.version) return false;
  window.modori("consent", { channel: "capture", granted: true, text: "同意します" });
  return true;
}"""
_FOCUS = """(list, index) => {
  const field = list[index];
  field.focus();
  if (field.value && field.select) field.select();
}"""
_IS_ACTIVE = "(list, index) => list[index] === document.activeElement && !list[index].value"
_STANDS = """(list, index) => {
  const field = list[index];
  const chosen = field.selectedOptions ? [...field.selectedOptions].map((option) => option.text.trim()) : [];
  return [field.value, ...chosen];
}"""
_CHOICES = """(list, index) => [...list[index].options].map((option) => !!option.value && !option.disabled)"""


class UnsteadyPage(Exception):
    """The page with labels and the page without do not hold the same fields, so no score can be given."""


@dataclass(frozen=True)
class Control:
    """One control as both copies of a page show it; `label` and `value` come from the labelled one."""

    index: int
    said: dict[str, Any]
    label: str | None
    value: str | None

    @property
    def place(self) -> str:
        return f"<{self.said['tag']} type={self.said['type']} name={self.said['name']!r} id={self.said['id']!r}>"


@dataclass
class Filled:
    """What was typed into a page, whether the tag was awake before the first key, and whether the page stopped."""

    fields: list[TypedField] = field(default_factory=list)
    awake: bool = True
    stuck: bool = False


@dataclass
class _Copies:
    """The two copies of one page, open side by side."""

    labelled: Page
    tagged: Page

    async def controls(self) -> tuple[JSHandle, list[Control]]:
        true_ones = await (await self.labelled.evaluate_handle(_FIND)).evaluate(_DESCRIBE)
        handle = await self.tagged.evaluate_handle(_FIND)
        seen = await handle.evaluate(_DESCRIBE)
        if [_identity(one) for one in true_ones] != [_identity(one) for one in seen]:
            raise UnsteadyPage(f"{len(true_ones)} fields with labels, {len(seen)} others without")
        return handle, [
            Control(index, said, true["label"], true["value"])
            for index, (said, true) in enumerate(zip(seen, true_ones, strict=True))
        ]

    async def step(self) -> bool:
        """Press the button that leads on, where there is one to see; whether there was."""
        handle, controls = await self.controls()
        labelled = await self.labelled.evaluate_handle(_FIND)
        flags = await labelled.evaluate(_DESCRIBE)
        for control, flag in zip(controls, flags, strict=True):
            if flag["next"] and control.said["visible"]:
                await asyncio.sleep(_STEP_MS / 1000)  # a person is no faster, and the tag looks once a second
                for found in (handle, labelled):
                    await found.evaluate("(list, index) => list[index].click()", control.index)
                return True
        return False


def _identity(said: dict[str, Any]) -> tuple[object, ...]:
    return said["tag"], said["type"], said["name"], said["id"]


async def type_into(
    browser: Browser, site: Site, recorder: Recorder, form: FormPage, places: asyncio.Semaphore
) -> Filled:
    """Fill in one page as a quick person does, leave it, and answer what was typed where.

    A form says one value for one meaning. So a second e-mail field of a form is given the same text as the first, as
    a person confirms an address; and whether it is understood by itself is seen on a visit of its own, on which the
    first stays empty.

    places   as many visits are made at a time; a page that has been left waits for its requests outside
    """
    visit, last_visit, filled = 0, 0, Filled()
    while visit <= last_visit and not filled.stuck:
        told = recorder.forms_told(form.key)
        async with places:
            context = await browser.new_context(locale="ja-JP" if form.collection == "japanese" else "en-US")
            try:
                async with asyncio.timeout(_VISIT_S):
                    last_visit = await _fill(context, site, form, visit, filled)
            except TimeoutError:
                filled.stuck = True
        await _wait_for_quiet(recorder, form, told)
        await context.close()
        visit += 1
    return filled


async def _fill(context: BrowserContext, site: Site, form: FormPage, visit: int, filled: Filled) -> int:
    """Make one visit, add to `filled` what is to be judged, and answer the number of the last visit that is needed."""
    copies = _Copies(await context.new_page(), await context.new_page())
    await copies.labelled.goto(site.labelled(form))
    await copies.tagged.goto(site.tagged(form))
    with suppress(BrowserError):  # a tag that does not wake is found out at the first field
        await copies.tagged.wait_for_function(_AGREE, timeout=_READY_MS)
    if form.runs_own_script:
        await asyncio.sleep(_LATE_SCRIPT_MS / 1000)
    firsts: dict[tuple[object, ...], str] = {}
    done: dict[tuple[object, ...], int] = {}
    while True:
        handle, controls = await copies.controls()
        waiting = [one for one in controls if one.label and one.said["visible"] and _count(one, controls) not in done]
        first = next((one for one in waiting if one.said["type"] in _WAKING), None)
        if first and not done:
            # A person looks for the field before the first key; where the page has gone there itself, a key is news.
            if await handle.evaluate(_IS_ACTIVE, first.index):
                await copies.tagged.keyboard.type("a")
                await copies.tagged.keyboard.press("Backspace")
            await handle.evaluate(_FOCUS, first.index)
            filled.awake &= await _wait_for_sdk(copies.tagged)
        for control in waiting:
            turn = _turn(control, controls)
            done[_count(control, controls)] = turn
            if visit not in (0, turn):
                continue
            room = Room(control.said["length"], digits_only=control.said["digits"], japanese=control.said["japanese"])
            text = control.value or value_for(control.label or "", len(done), room)
            if turn != visit and control.label in REPEATED:
                text = firsts.get(_meaning(control), text)
            firsts.setdefault(_meaning(control), text)
            written = await _write(copies.tagged, handle, control, text, len(done))
            if written and turn == visit:
                filled.fields.append(TypedField(control.place, _judged_as(control), written))
        if not await copies.step():
            break
    await copies.tagged.goto("about:blank")
    return max(done.values(), default=0)


def _judged_as(control: Control) -> str:
    """The label; a field that says of itself that it belongs to a card may not be taken, whatever it is labelled."""
    label = control.label or ""
    return f"{label} (cc-*)" if control.said["card"] and right_tokens(label) else label


def _meaning(control: Control) -> tuple[object, ...]:
    return control.said["form"], control.label


def _turn(control: Control, controls: list[Control]) -> int:
    """The visit on which a field is judged: 0, or how many of its label come before it in its form.

    Parts of a number have one turn, and so has what no token is right for.
    """
    length = control.said["length"]
    if control.value or not right_tokens(control.label or "") or (length is not None and length <= LONGEST_PART):
        return 0
    before = [one for one in controls[: control.index] if one.said["visible"] and _meaning(one) == _meaning(control)]
    return len([one for one in before if not one.value])


def _count(control: Control, controls: list[Control]) -> tuple[object, ...]:
    """What tells this control from every other of the page, also after fields were added."""
    alike = [one.index for one in controls if _identity(one.said) == _identity(control.said)]
    return (*_identity(control.said), alike.index(control.index))


async def _wait_for_sdk(page: Page) -> bool:
    """Whether the tag and the part that watches forms came to life in time."""
    try:
        await page.wait_for_function(_HAS_SDK, timeout=_READY_MS)
    except BrowserError:
        return False
    await asyncio.sleep(0.05)
    return True


async def _wait_for_quiet(recorder: Recorder, form: FormPage, told: int) -> None:
    """Let what the leaving page sent arrive: the context's end would cut it off.

    told   forms heard of before the visit
    """
    heard, waited_ms, quiet_ms = -1, 0, 0
    while quiet_ms < _QUIET_MS or (waited_ms < _SILENT_MS and recorder.forms_told(form.key) == told):
        await asyncio.sleep(_LOOK_MS / 1000)
        waited_ms += _LOOK_MS
        now = len(recorder.requests(form.key))
        quiet_ms = quiet_ms + _LOOK_MS if now == heard else 0
        heard = now


async def _write(page: Page, found: JSHandle, control: Control, text: str, serial: int) -> tuple[str, ...] | None:
    """Type or choose; what stands in the field afterwards, or None where nothing can be typed into it."""
    said = control.said
    if said["tag"] == "select":
        if not await _choose(found, control.index, serial):
            return None
    elif said["type"] in _PICKED:
        await (await _element(found, control.index)).fill(text)
    elif said["type"] in _WRITABLE:
        await found.evaluate(_FOCUS, control.index)
        await page.keyboard.type(text)
    else:
        return None
    return tuple(dict.fromkeys(value for value in await found.evaluate(_STANDS, control.index) if value))


async def _choose(found: JSHandle, index: int, serial: int) -> bool:
    usable = [place for place, good in enumerate(await found.evaluate(_CHOICES, index)) if good]
    if not usable:
        return False
    await (await _element(found, index)).select_option(index=usable[serial * 7 % len(usable)])
    return True


async def _element(found: JSHandle, index: int) -> ElementHandle:
    element = (await found.evaluate_handle("(list, index) => list[index]", index)).as_element()
    assert element is not None
    return element
