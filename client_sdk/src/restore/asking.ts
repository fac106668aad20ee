import type { Core } from "../parts";
import type { Brought } from "./brought";

const WORDS = {
  ja: {
    title: "入力の続きから",
    ask: "メッセージを受け取ったメールアドレスまたは電話番号を入力すると、前回の入力内容を復元します。",
    label: "メールアドレスまたは電話番号",
    prove: "復元する",
    close: "閉じる",
    wrong: "復元できませんでした。お手数ですが、フォームに直接ご入力ください。",
  },
  en: {
    title: "Continue where you left off",
    ask: "Enter the e-mail address or phone number that received our message, and the form is filled in again.",
    label: "E-mail address or phone number",
    prove: "Restore",
    close: "Close",
    wrong: "This could not be restored. Please fill in the form yourself.",
  },
};
const LOOK = `
  :host { all: initial }
  dialog { font: 15px/1.6 system-ui, sans-serif; color: #1d2126; background: #fff; border: 1px solid #b8bfc6;
    border-radius: 8px; padding: 20px; max-width: min(26rem, calc(100vw - 64px)); position: fixed; inset: auto 16px 16px auto;
    margin: 0; box-shadow: 0 8px 24px #0003; z-index: 2147483000 }
  h2 { font-size: 16px; margin: 0 0 8px } p { margin: 0 0 12px } label { display: block; font-size: 13px }
  input { font: inherit; box-sizing: border-box; width: 100%; padding: 6px 8px; margin: 4px 0 12px; border: 1px solid #767c84;
    border-radius: 4px }
  button { font: inherit; padding: 6px 14px; border: 1px solid #1f5fa8; border-radius: 4px; background: #1f5fa8; color: #fff }
  button[type=button] { background: none; color: #1f5fa8; border-color: #0000 }
  :focus-visible { outline: 2px solid #1f5fa8; outline-offset: 2px }`;

/** A small dialog in a corner that asks for the proof. It holds nothing up, and is put up only where the tag asks for it. */
export function askForProof(core: Core, brought: Brought): void {
  const { document } = core.page;
  const words = WORDS[/^ja/i.test(document.documentElement.lang || core.page.navigator.language) ? "ja" : "en"];
  const host = document.createElement("div");
  host.setAttribute("data-modori-ignore", "");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new core.page.CSSStyleSheet(); // a constructed sheet passes a strict content security policy
  sheet.replaceSync(LOOK);
  root.adoptedStyleSheets = [sheet];

  function make<Name extends keyof HTMLElementTagNameMap>(name: Name, text: string, members: object = {}) {
    const element = document.createElement(name);
    element.textContent = text;
    return Object.assign(element, members);
  }
  const dialog = make("dialog", "");
  const form = make("form", "");
  const contact = make("input", "", { id: "contact", required: true, maxLength: 320 });
  contact.setAttribute("autocomplete", "off"); // as a member its name would be shortened
  const wrong = make("p", "", { role: "alert" });
  const close = make("button", words.close, { type: "button" });
  const label = make("label", words.label, { htmlFor: "contact" });
  const title = make("h2", words.title, { id: "title" });
  dialog.setAttribute("aria-labelledby", "title");
  form.append(title, make("p", words.ask), label, contact, wrong, make("button", words.prove), close);
  dialog.append(form);
  root.append(dialog);
  const end = () => host.remove();
  close.addEventListener("click", end);
  dialog.addEventListener("keydown", ({ key }) => key === "Escape" && end());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void brought.prove(contact.value).then((proven) => {
      if (proven) end();
      else wrong.textContent = words.wrong;
    });
  });
  document.body.append(host);
  dialog.open = true; // `show` would take the focus from whatever the person is typing in
}
