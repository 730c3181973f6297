// The search field: hits counted while the log is scanned, the current one brought into view.

import { all, one, setText } from "../../lib/dom.js";
import { count } from "../../lib/format.js";
import { announce } from "../../lib/toast.js";
import { firstFrom, hitsIn } from "./search.js";

export class Find {
  #box = one("[data-find]");
  #input = one("[data-find-input]");
  #counter = one("[data-find-count]");
  #note = one("[data-find-note]");
  #search;
  #page;
  #at = -1;
  // The line from which the first hit is looked for.
  #from = 1;
  #timer = 0;

  /**
   * @param {import("./search.js").LogSearch} search
   * @param {{topLine: () => number, streams: () => string|null, show: (hit: import("./search.js").Hit) => void, repaint: () => void, changed: () => void, focusLog: () => void}} page
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
      if (!this.#box.contains(event.relatedTarget) && !this.#input.value) this.#close();
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

  /** The field has the keys. */
  get hasFocus() {
    return document.activeElement === this.#input;
  }

  /** The hits to mark in a line. @param {import("../text/line.js").Line} line */
  hitsOf(line) {
    const { hits } = this.#search;
    if (!hits.length) return [];
    const { current } = this;
    return hitsIn(hits, line.n).map((hit) => ({ ...hit, now: hit === current }));
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
    this.#close();
    this.#page.focusLog();
  }

  #close() {
    if (!this.isOpen) return;
    this.#box.removeAttribute("data-open");
    for (const part of all("[data-find-count], .tool", this.#box)) part.hidden = true;
    one("kbd", this.#box).hidden = false;
  }

  /** Restarts the search. */
  restart() {
    if (this.#input.value) this.#start();
  }

  #start() {
    clearTimeout(this.#timer);
    this.#at = -1;
    this.#from = Math.max(1, this.#page.topLine());
    this.#search.run({
      text: this.#input.value, streams: this.#page.streams(),
      matchCase: one("[data-find-case]").getAttribute("aria-pressed") === "true",
      regex: one("[data-find-regex]").getAttribute("aria-pressed") === "true",
    });
    this.#count();
    this.#page.repaint();
    this.#page.changed();
  }

  // The first hit after the view's top, or the last one before it.
  #progress() {
    const { hits, isDone } = this.#search;
    const isFirst = this.#at < 0;
    if (isFirst && hits.length) {
      let at = firstFrom(hits, this.#from);
      if (at === hits.length) at = isDone ? at - 1 : -1;
      if (at >= 0) this.#go(at);
    }
    if (isFirst === this.#at < 0) this.#page.repaint();
    this.#count();
    this.#page.changed();
  }

  /** @param {1|-1} by */
  step(by) {
    const { hits, isDone } = this.#search;
    if (!hits.length) return;
    let at = this.#at + by;
    if (this.#at < 0) at = by > 0 ? firstFrom(hits, this.#page.topLine()) : hits.length - 1;
    if (at >= hits.length) at = isDone ? 0 : hits.length - 1;
    if (at < 0) at = hits.length - 1;
    this.#go(at);
    this.#count();
    this.#page.changed();
  }

  #go(at) {
    this.#at = at;
    this.#page.repaint();
    this.#page.show(this.#search.hits[at]);
  }

  #count() {
    const { hits, isDone, isOn, isCapped, refusal, reason } = this.#search;
    const total = `${count(hits.length)}${isCapped ? "+" : isDone ? "" : "…"}`;
    let text = "";
    if (refusal) text = refusal === 400 ? "invalid pattern" : "no response";
    else if (isOn) text = hits.length ? `${this.#at < 0 ? "–" : count(this.#at + 1)} of ${total}` : isDone ? "no hits" : "…";
    this.#input.setAttribute("aria-invalid", String(refusal === 400));
    setText(this.#note, reason);
    this.#note.hidden = !reason;
    if (this.#counter.textContent === text) return;
    setText(this.#counter, text);
    if (text) announce(refusal ? reason : hits.length ? `Hit ${text}` : text);
  }
}
