import { attempt } from "../attempt";
import type { Core, FieldReport } from "../parts";
import type { WireEvent } from "../wire";
import { LOOK } from "./look";
import { stateOf, textOf } from "./state";
import { wordsFor } from "./words";

const EVENTS_SHOWN = 20;
const LOOK_AGAIN_MS = 1000;
const ASKED_FOR_MS = 3_600_000;

/** Show the site's engineer what is seen of this page, in a shadow root of its own. Nothing of it leaves the browser. */
export function startDebug(core: Core): void {
  const { page, safely } = core;
  const { document } = page;
  const words = wordsFor(document.documentElement.lang || page.navigator.language);
  const events: WireEvent[] = [];
  let shown = "";
  let foreign = false; // the server refuses what comes from this page's origin
  const asked = /modori_debug=1/.test(page.location.search);
  // For the pages that follow, in this browser, and not for ever. The core asks for it on each page.
  const until = asked ? page.Date.now() + ASKED_FOR_MS : Number(core.store.read("debug"));
  if (!(until > page.Date.now())) return core.store.write("debug", "");
  core.store.write("debug", String(until));
  core.failed.told = (error) => page.console.debug("[modori]", error);
  core.told = (event) => {
    events.unshift(event);
    events.length = Math.min(events.length, EVENTS_SHOWN);
  };

  const host = document.createElement("div");
  host.setAttribute("data-modori-ignore", "");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new page.CSSStyleSheet();
  sheet.replaceSync(LOOK);
  root.adoptedStyleSheets = [sheet];

  function make<Name extends keyof HTMLElementTagNameMap>(name: Name, text = "", ...inner: Node[]) {
    const element = document.createElement(name);
    if (text) element.textContent = text; // never markup: names in a page may be anything
    element.append(...inner);
    return element;
  }
  const mark = make("i");
  const body = make("div");
  const copy = make("button", words.copy);
  const close = make("button", words.close);
  const box = make("section", "", make("header", "", make("h2", words.title), make("span", "", copy, close)), body);
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", words.title);
  box.tabIndex = 0;
  root.append(mark, box);

  function point(element: Element | null): void {
    const { left = 0, top = 0, width = 0, height = 0 } = element ? element.getBoundingClientRect() : {};
    Object.assign(mark.style, {
      display: width ? "block" : "none",
      left: left - 4 + "px",
      top: top - 4 + "px",
      width: width + 4 + "px",
      height: height + 4 + "px",
    });
  }

  function rowOf({ element, field, token, why }: FieldReport): HTMLElement {
    const row = make("tr", "", make("td", field || "—"), make("td", token || "—"), make("td", words.why[why]));
    row.className = why === "taken" ? "on" : "";
    row.addEventListener("mouseenter", () => point(element));
    row.addEventListener("mouseleave", () => point(null));
    return row;
  }

  function draw(): void {
    const state = stateOf(core, events, foreign, words);
    const text = textOf(state, words);
    if (text === shown) return;
    shown = text;
    const head = make("tr", "", make("th", words.field), make("th", words.meaning), make("th", words.reason));
    body.replaceChildren(
      ...state.lines.map((line) => make("p", line)),
      make("h3", words.fields),
      state.fields.length ? make("table", "", head, ...state.fields.map(rowOf)) : make("p", words.noFields),
      make("h3", words.events),
      state.events.length ? make("ol", "", ...state.events.map((line) => make("li", line))) : make("p", words.noEvents),
    );
    body.firstElementChild!.className = state.capturing ? "on" : "";
  }

  const again = safely(() => {
    if (!host.isConnected) return;
    if (core.permitted()) core.load("forms"); // for others that waits for somebody at a field
    draw();
    page.setTimeout(again, LOOK_AGAIN_MS);
  });
  const end = safely(() => {
    host.remove();
    delete core.told;
    delete core.failed.told;
    core.store.write("debug", "");
  });
  close.addEventListener("click", end);
  box.addEventListener("keydown", ({ key }) => key === "Escape" && end());
  copy.addEventListener("click", () => {
    const said = page.navigator.clipboard?.writeText(shown);
    void said?.then(() => (copy.textContent = words.copied)).catch(() => (copy.textContent = words.copy));
  });
  document.body.append(host);
  again();
  // Not by the browser's copy: the origin may just have been registered.
  void core.ask(`sites/${core.tag.dataset.site}/config`, { cache: "no-cache" }).then(({ text }) => {
    const origins = attempt(() => (JSON.parse(text) as { origins: string[] }).origins.map((one) => new URL(one).origin));
    foreign = !!origins && !origins.includes(page.location.origin);
  });
}
