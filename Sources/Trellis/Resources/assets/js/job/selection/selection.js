// Lines that are picked by their numbers: a click, shift-click or drag; also by the address and the row cursor.

import { one, setText } from "../../lib/dom.js";
import { counted, count } from "../../lib/format.js";
import { hashOf, readHash } from "./lines-hash.js";

export class Selection {
  /** @type {import("./lines-hash.js").Range|null} */
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

  /** From the line that the selection began with to `n`; starts one at `from` where there is none. */
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
