// Line selection by number: a click, shift-click or drag; also by the address and the row cursor.

import { copyFrom } from "../../lib/copy.js";
import { one, setText } from "../../lib/dom.js";
import { count, counted } from "../../lib/format.js";
import { announce } from "../../lib/toast.js";
import { copiedRange, copyLog } from "./log-copy.js";

export class Selection {
  /** @type {Range|null} */
  range = null;
  #anchor = 0;
  #dragging = false;
  #bar = one("[data-picked]");
  #page;

  /**
   * @param {HTMLElement} log
   * @param {{changed: () => void, opened: (n: number) => void, reveal: (n: number) => void, picked: () => void}} page
   *   opened: the bar is shown now, for a selection at line n; picked: the reader chose lines; reveal: bring line n into view
   */
  constructor(log, page) {
    this.#page = page;
    log.addEventListener("pointerdown", (event) => {
      const n = numberAt(event.target);
      if (!n || event.button !== 0 || event.ctrlKey || event.metaKey) return;
      event.preventDefault(); // no text selection from the numbers
      log.focus({ preventScroll: true });
      this.#page.picked();
      if (event.shiftKey && this.#anchor) this.select(this.#anchor, n);
      else if (this.range && this.range.from === n && this.range.to === n) this.clear();
      else {
        this.#anchor = n;
        this.select(n, n);
        this.#dragging = event.pointerType !== "touch";
      }
    });
    log.addEventListener("pointermove", (event) => {
      if (!this.#dragging) return;
      if (!(event.buttons & 1)) { this.#dragging = false; return; }
      const row = event.target.closest?.(".ln");
      if (row) this.select(this.#anchor, Number(row.dataset.line));
    });
    addEventListener("pointerup", () => { this.#dragging = false; });
    log.addEventListener("click", (event) => {
      if (numberAt(event.target) && !event.ctrlKey && !event.metaKey) event.preventDefault();
    });
    addEventListener("hashchange", () => this.fromAddress());
  }

  /** @param {number} n */
  has(n) {
    return this.range !== null && n >= this.range.from && n <= this.range.to;
  }

  /** Takes the lines of the address, if it names any. @returns {boolean} */
  fromAddress() {
    const range = readHash(location.hash);
    if (!range) return false;
    this.#anchor = range.from;
    this.#set(range);
    this.#page.picked();
    this.#page.reveal(range.from);
    return true;
  }

  /** @param {number} a @param {number} b */
  select(a, b) {
    this.#anchor ||= a;
    const range = { from: Math.min(a, b), to: Math.max(a, b) };
    if (this.range && range.from === this.range.from && range.to === this.range.to) return;
    this.#set(range);
    history.replaceState(history.state, "", hashOf(range));
  }

  /** Extends the selection to `n`; without a selection, starts one at `from`. */
  extend(from, n) {
    if (!this.range) this.#anchor = from;
    this.select(this.#anchor, n);
  }

  clear() {
    if (!this.range) return;
    this.#anchor = 0;
    this.#set(null);
    history.replaceState(history.state, "", location.pathname + location.search);
  }

  #set(range) {
    const isFirst = range && !this.range;
    this.range = range;
    this.#bar.hidden = !range;
    if (range) {
      const { from, to } = range;
      setText(one("[data-picked-range]", this.#bar), from === to ? `L${count(from)}` : `L${count(from)}–L${count(to)}`);
      setText(one("[data-picked-count]", this.#bar), counted(to - from + 1, "line"));
    }
    this.#page.changed();
    if (isFirst) this.#page.opened(range.from);
  }
}

function numberAt(target) {
  const link = target instanceof Element ? target.closest(".no") : null;
  return link ? Number(link.closest(".ln").dataset.line) : 0;
}

// `#L120` and `#L120-L131`: lines in the address.

/** @typedef {{from: number, to: number}} Range */

/** @param {string} hash @returns {Range|null} */
export function readHash(hash) {
  const found = /^#L(\d{1,12})(?:-L?(\d{1,12}))?$/.exec(hash);
  if (!found) return null;
  const a = Number(found[1]);
  const b = Number(found[2] ?? found[1]);
  const from = Math.min(a, b);
  return from > 0 ? { from, to: Math.max(a, b) } : null;
}

/** @param {Range} range */
export function hashOf({ from, to }) {
  return from === to ? `#L${from}` : `#L${from}-L${to}`;
}

// The action bar for selected lines.

export class SelectionBar {
  #parts;

  /**
   * @param {object} parts
   * @param {import("../feed/log-api.js").LogApi} parts.api
   * @param {import("../feed/store.js").LineStore} parts.store
   * @param {import("../viewer/view.js").LineView} parts.view
   * @param {Selection} parts.selection
   * @param {() => void} parts.focusLog
   */
  constructor(parts) {
    this.#parts = parts;
    const { selection, focusLog } = parts;
    const copy = one("[data-picked-copy]");
    copy.addEventListener("click", () => this.copy(copy));
    const link = one("[data-picked-link]");
    link.addEventListener("click", () => {
      const address = new URL(location.href);
      address.hash = hashOf(selection.range);
      copyFrom(link, address.href, "Copied the link");
    });
    one("[data-picked-clear]").addEventListener("click", () => { selection.clear(); focusLog(); });
  }

  /** Copies the selection or, without one, all visible lines. @param {Element|null} button */
  async copy(button) {
    const { api, store, view, selection: { range } } = this.#parts;
    const part = range && { from: range.from, to: Math.min(range.to, store.count) };
    if (range && range.from > store.count || view.streams === "") announce("Nothing to copy");
    else await copyLog(api, button, part ?? { streams: view.streams }, part ? copiedRange(part) : "Copied the log");
  }
}
