// The search field: hits counted while the log is scanned, the current one brought into view.

import { announce } from "../lib/announce.js";
import { all, one, setText } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { hitsIn } from "./search.js";

export class Find {
  #box = one("[data-find]");
  #input = one("[data-find-input]");
  #counter = one("[data-find-count]");
  #search;
  #page;
  #at = -1;
  // The line from which the first hit is looked for.
  #from = 1;
  #bad = false;
  #timer = 0;

  /**
   * @param {import("./search.js").LineSearch} search
   * @param {{topLine: () => number, show: (hit: import("./search.js").Hit) => void, repaint: () => void, changed: () => void, focusLog: () => void}} page
   */
  constructor(search, page) {
    this.#search = search;
    this.#page = page;
    search.onChange = () => this.#progress();
    this.#input.addEventListener("focus", () => this.open());
    this.#input.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#start(), 60);
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.step(event.shiftKey ? -1 : 1);
      } else if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        this.close();
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        this.step(event.key === "ArrowUp" ? -1 : 1);
      }
    });
    this.#box.addEventListener("focusout", (event) => {
      if (!this.#box.contains(event.relatedTarget) && !this.#input.value) this.#shut();
    });
    one("[data-find-prev]").addEventListener("click", () => this.step(-1));
    one("[data-find-next]").addEventListener("click", () => this.step(1));
    one("[data-find-close]").addEventListener("click", () => this.close());
    for (const button of all("[data-find-case], [data-find-regex]")) {
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
        this.#start();
      });
    }
  }

  get isOpen() {
    return this.#box.hasAttribute("data-open");
  }

  /** The current hit. */
  get current() {
    return this.#search.hits[this.#at] ?? null;
  }

  /** The hits to mark in a line. @param {import("./store.js").Line} line */
  hitsOf(line) {
    const { pattern } = this.#search;
    if (!pattern) return [];
    const { current } = this;
    return hitsIn(pattern, line.text).map((hit) => ({ ...hit, now: current?.n === line.n && current.col === hit.col }));
  }

  open() {
    if (this.isOpen) return;
    this.#box.setAttribute("data-open", "");
    for (const part of all("[data-find-count], .tool", this.#box)) part.hidden = false;
    one("kbd", this.#box).hidden = true;
    this.#count();
  }

  focus() {
    this.open();
    this.#input.focus();
    this.#input.select();
  }

  close() {
    this.#input.value = "";
    this.#start();
    this.#shut();
    this.#page.focusLog();
  }

  #shut() {
    if (!this.isOpen) return;
    this.#box.removeAttribute("data-open");
    for (const part of all("[data-find-count], .tool", this.#box)) part.hidden = true;
    one("kbd", this.#box).hidden = false;
  }

  /** Searches anew: another query, or other streams. */
  restart() {
    if (this.#input.value) this.#start();
  }

  #start() {
    clearTimeout(this.#timer);
    this.#at = -1;
    this.#bad = false;
    this.#from = Math.max(1, this.#page.topLine());
    try {
      this.#search.run({
        text: this.#input.value,
        matchCase: one("[data-find-case]").getAttribute("aria-pressed") === "true",
        regex: one("[data-find-regex]").getAttribute("aria-pressed") === "true",
      });
    } catch {
      this.#search.stop();
      this.#bad = true;
    }
    this.#input.setAttribute("aria-invalid", String(this.#bad));
    this.#count();
    this.#page.repaint();
    this.#page.changed();
  }

  // The first hit from the view's top on; before it where there is none after.
  #progress() {
    const { hits, scanned, isDone } = this.#search;
    if (this.#at < 0 && hits.length && (isDone || scanned >= this.#from)) {
      let at = hits.length > 0 ? lowerBound(hits, this.#from) : -1;
      if (at >= hits.length) at = isDone ? hits.length - 1 : -1;
      if (at >= 0) this.#go(at);
    }
    this.#count();
    this.#page.changed();
  }

  /** @param {1|-1} by */
  step(by) {
    const { hits, isDone } = this.#search;
    if (!hits.length) return;
    let at = this.#at + by;
    if (this.#at < 0) at = by > 0 ? lowerBound(hits, this.#page.topLine()) : hits.length - 1;
    if (at >= hits.length) at = isDone ? 0 : hits.length - 1;
    if (at < 0) at = hits.length - 1;
    this.#go(at);
    this.#count();
    this.#page.changed();
  }

  #go(at) {
    this.#at = at;
    this.#page.show(this.#search.hits[at]);
    this.#page.repaint();
  }

  #count() {
    const { hits, isDone, isCapped, pattern } = this.#search;
    const total = `${count(hits.length)}${isCapped ? "+" : isDone ? "" : "…"}`;
    let text = "";
    if (this.#bad) text = "not a pattern";
    else if (pattern) text = hits.length ? `${this.#at < 0 ? "–" : count(this.#at + 1)} of ${total}` : isDone ? "no hits" : "…";
    if (this.#counter.textContent === text) return;
    setText(this.#counter, text);
    if (text) announce(this.#bad || !hits.length ? text : `Hit ${text}`);
  }
}

function lowerBound(hits, n) {
  let low = 0;
  let high = hits.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (hits[middle].n < n) low = middle + 1;
    else high = middle;
  }
  return low;
}
