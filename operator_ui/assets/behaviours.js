// What the console does in the browser beyond htmx: keys, dialogs, copying, and lists that wait for the pointer to leave.
// No handler stands in the markup (Content-Security-Policy: script-src 'self'); elements say by data-… what they want.
(() => {
  "use strict";

  const typing = (element) =>
    element instanceof HTMLElement &&
    (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName)) &&
    !/^(checkbox|radio|button|submit)$/.test(element.type || "");
  const usable = (element) => element.offsetParent !== null && !element.disabled && element.getAttribute("aria-disabled") !== "true";

  // data-key="d": pressing d does what a click on the element would, unless somebody is typing or a dialog is open.
  document.addEventListener("keydown", (press) => {
    if (press.ctrlKey || press.metaKey || press.altKey || press.isComposing || press.repeat) return;
    if (typing(press.target)) {
      if (press.key === "Escape") press.target.blur();
      return;
    }
    const dialog = document.querySelector("dialog[open]");
    const scope = dialog || document;
    const wanted = [...scope.querySelectorAll(`[data-key="${CSS.escape(press.key)}"]`)].find(usable);
    if (!wanted) return;
    press.preventDefault();
    if (wanted.matches("input:not([type=checkbox]), select, textarea")) wanted.focus();
    else wanted.click();
  });

  document.addEventListener("click", (click) => {
    const on = (selector) => click.target instanceof Element && click.target.closest(selector);
    const opener = on("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog && !dialog.open) dialog.showModal();
    }
    const closer = on("[data-closes]");
    if (closer) closer.closest("dialog")?.close();
    on("[data-dismisses]")?.closest(".notice")?.remove();
    const copier = on("[data-copies]");
    if (copier) copy(copier);
    const shower = on("[data-shows-news]");
    if (shower) show(document.getElementById(shower.dataset.showsNews));
  });

  async function copy(button) {
    const source = document.getElementById(button.dataset.copies);
    const said = document.getElementById(button.getAttribute("aria-describedby"));
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      if (said) said.textContent = button.dataset.copied;
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      if (said) said.textContent = button.dataset.selected;
    }
  }

  // A filter form sends itself when a choice changes, and leaves empty fields out of the address.
  document.addEventListener("change", (change) => {
    const form = change.target.closest?.("form[data-sends-itself]");
    if (form) form.requestSubmit();
    // data-most-bytes: a file that would be refused is not sent first.
    const file = change.target.closest?.("input[type=file][data-most-bytes]");
    if (file) {
      file.setCustomValidity(file.files[0]?.size > Number(file.dataset.mostBytes) ? file.dataset.tooLarge : "");
      file.reportValidity();
    }
    const shown = change.target.closest?.("[data-toggles]");
    if (shown) document.getElementById(shown.dataset.toggles).hidden = !shown.checked;
  });
  document.addEventListener("submit", (submit) => {
    if (submit.target.method !== "get") return;
    for (const field of submit.target.elements) if (field.name && field.value === "") field.disabled = true;
    setTimeout(() => { for (const field of submit.target.elements) field.disabled = false; }, 0);
  });

  // Live parts. The stream brings hints, never content: an element with data-live="queue lead:ID" reads itself again.
  // With data-calm="ID-of-announcement" it waits while the pointer or the focus is in it, and says that there is news.
  const reread = (element) => {
    const news = document.getElementById(element.dataset.calm || "");
    if (news) news.hidden = true;
    htmx.trigger(element, "news");
  };
  const busy = (element) =>
    element.dataset.calm && element.querySelector("[data-row]") &&
    (element.matches(":hover") || (element !== document.activeElement && element.contains(document.activeElement)));
  // The button that says so goes when it is pressed: whoever works by keyboard goes on in what it showed.
  // data-shown holds what the page shows already; without it, all is asked for. What stands out of sight is gone to.
  const show = (element) => {
    element.querySelector("[data-shown]")?.remove();
    reread(element);
    element.tabIndex = -1;
    element.focus({ preventScroll: element.getBoundingClientRect().bottom > 0 });
  };
  // data-pace="2000": a site that is busy has news all the time; the element reads itself at most that often, ms.
  const paced = new WeakMap();
  const hear = (element) => {
    const wait = Number(element.dataset.pace || 0) - (Date.now() - (paced.get(element)?.at ?? -Infinity));
    if (wait > 0) {
      if (!paced.get(element).timer) paced.get(element).timer = setTimeout(() => element.isConnected && hear(element), wait);
      return;
    }
    paced.set(element, { at: Date.now(), timer: 0 });
    if (!busy(element)) return reread(element);
    const news = document.getElementById(element.dataset.calm);
    if (news) news.hidden = false;
  };
  document.addEventListener("hint", (hint) => {
    let topics;
    try {
      const told = JSON.parse(hint.detail.data);
      topics = [told.topic, `${told.topic}:${told.subject}`];
    } catch {
      return;
    }
    for (const element of document.querySelectorAll("[data-live]")) {
      if (element.dataset.live.split(" ").some((topic) => topics.includes(topic))) hear(element);
    }
  });
  // A call that was promised for now is told by nobody: look at the queue every half minute, unless somebody is at it.
  setInterval(() => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll('[data-live~="queue"]')) if (!busy(element)) reread(element);
  }, 30000);
  // After a pause (a hidden tab, a lost connection) nobody knows what was missed: read everything again.
  let connectedBefore = false;
  document.addEventListener("htmx:sse:after:connection", () => {
    if (connectedBefore) document.querySelectorAll("[data-live]").forEach(hear);
    connectedBefore = true;
  });

  // A toast that only says "done" goes by itself, unless somebody is at it.
  const fade = () => {
    for (const toast of document.querySelectorAll("#toasts [data-fades]:not([data-fading])")) {
      toast.dataset.fading = "";
      setTimeout(() => { if (!toast.matches(":hover, :focus-within")) toast.remove(); }, 8000);
    }
  };
  document.addEventListener("DOMContentLoaded", fade);
  document.addEventListener("htmx:after:swap", fade);
})();
