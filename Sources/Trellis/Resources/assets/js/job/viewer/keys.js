// The keyboard map. Letters work anywhere on the page but in fields; arrows and Enter only in the log.

import { isField, one } from "../../lib/dom.js";
import { count } from "../../lib/format.js";

/**
 * @param {import("./log-panel.js").LogPanel} panel
 * @param {{copy: () => void, isShown: () => boolean}} page isShown: whether the log is the view that is shown
 */
export function startKeys(panel, page) {
  const sheet = /** @type {HTMLDialogElement} */ (one("#keys"));
  const letters = {
    "/": () => panel.find.focus(),
    n: () => panel.find.step(1),
    N: () => panel.find.step(-1),
    f: () => panel.toEnd(),
    g: () => panel.goToLine.open(),
    t: () => panel.display.nextTimes(),
    w: () => panel.display.setWrap(!panel.display.wraps),
    c: () => page.copy(),
    e: () => panel.cursor.step("error", 1),
    E: () => panel.cursor.step("error", -1),
    a: () => panel.cursor.step("warning", 1),
    A: () => panel.cursor.step("warning", -1),
    "?": () => sheet.showModal(),
  };
  const inLog = {
    ArrowDown: (event) => panel.cursor.move(1, { select: event.shiftKey }),
    ArrowUp: (event) => panel.cursor.move(-1, { select: event.shiftKey }),
    Enter: () => panel.cursor.pick(),
    End: () => panel.toEnd(),
    Home: () => panel.toStart(),
  };

  // The browser's own search sees only what is mounted; press twice to use it.
  addEventListener("keydown", (event) => {
    const isFind = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "f";
    if (!isFind || !page.isShown() || panel.find.hasFocus || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    panel.find.focus();
  });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (isField(event.target) || document.querySelector("dialog[open], [popover]:popover-open")) return;
    if (!page.isShown() && event.key !== "?") return;
    const onPage = event.target === document.body || event.target instanceof Element && event.target.closest(".log-panel, main") !== null;
    if (event.key === "Escape") {
      if (panel.escape()) event.preventDefault();
      return;
    }
    // With the log, or nothing, in focus the keys that scroll a page scroll the log; to its ends they do from anywhere.
    const isEnd = event.key === "Home" || event.key === "End";
    const forLog = isEnd || panel.hasFocus || event.target === document.body || event.target === document.querySelector("main");
    const run = forLog && inLog[event.key] && !(event.key === "Enter" && !panel.hasFocus) ? inLog[event.key] : onPage ? letters[event.key] : null;
    if (!run) return;
    if (event.shiftKey && /^[a-z]$/.test(event.key)) return;
    event.preventDefault();
    run(event);
  });
  return { showSheet: () => sheet.showModal() };
}

// A small field that takes a line number.

export class GoToLine {
  #form = /** @type {HTMLFormElement} */ (one("[data-goto]"));
  #input = /** @type {HTMLInputElement} */ (one("[data-goto-input]"));
  #page;

  /** @param {{count: () => number, go: (n: number) => void, focusLog: () => void}} page */
  constructor(page) {
    this.#page = page;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const n = Math.min(Number(this.#input.value.replace(/[\s,.]/g, "")), page.count());
      if (!(n >= 1)) {
        this.#input.setAttribute("aria-invalid", "true");
        return;
      }
      this.close();
      page.go(Math.floor(n));
    });
    this.#form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.close();
    });
    this.#form.addEventListener("focusout", (event) => {
      if (!this.#form.contains(/** @type {Node|null} */ (event.relatedTarget))) this.#form.hidden = true;
    });
    this.#input.addEventListener("input", () => this.#input.removeAttribute("aria-invalid"));
  }

  open() {
    this.#form.hidden = false;
    this.#input.value = "";
    this.#input.removeAttribute("aria-invalid");
    this.#input.placeholder = `1–${count(this.#page.count())}`;
    this.#input.focus();
  }

  close() {
    this.#form.hidden = true;
    this.#page.focusLog();
  }
}
