// A list of rows of different heights of which only those near the view are in the document.
//
// Rows stand in the flow between two spacers, so they may have any height: it is measured once a row is mounted. Until
// then it counts as the usual one. The heading of the topmost row stays mounted and sticks to the top.

import { partitionPoint } from "./partition-point.js";

const AHEAD = 8;

/**
 * @template Row
 * @typedef {object} Source
 * @property {(row: Row) => string} key unique
 * @property {(row: Row) => boolean} isHead
 * @property {(row: Row) => HTMLElement} make
 * @property {(row: Row) => number} height the usual one, in pixels
 */

/** @template Row */
export class VirtualList {
  #scroll;
  #box;
  #source;
  /** @type {Row[]} */
  #rows = [];
  /** @type {Map<string, number>} */
  #index = new Map();
  #tops = new Float64Array(1);
  /** @type {Map<string, number>} measured heights */
  #heights = new Map();
  /** @type {Map<string, HTMLElement>} */
  #mounted = new Map();
  #before = document.createElement("div");
  #after = document.createElement("div");
  #frame = 0;

  /** @param {HTMLElement} scroll scrolls @param {HTMLElement} box holds the rows @param {Source<Row>} source */
  constructor(scroll, box, source) {
    this.#scroll = scroll;
    this.#box = box;
    this.#source = source;
    box.append(this.#before, this.#after);
    scroll.addEventListener("scroll", () => this.redraw(), { passive: true });
    let width = 0;
    new ResizeObserver(() => {
      // Text wraps in another way: nothing that was measured holds.
      if (scroll.clientWidth !== width) this.#heights.clear();
      width = scroll.clientWidth;
      this.#layOut();
      this.redraw();
    }).observe(scroll);
  }

  /** @param {Row[]} rows */
  set(rows) {
    this.#rows = rows;
    this.#index = new Map(rows.map((row, i) => [this.#source.key(row), i]));
    for (const [key, node] of this.#mounted) {
      if (this.#index.has(key)) continue;
      node.remove();
      this.#mounted.delete(key);
    }
    this.#layOut();
    this.draw();
  }

  get rows() {
    return this.#rows;
  }

  /** @param {string} key */
  indexOf(key) {
    return this.#index.get(key) ?? -1;
  }

  /** The element of a row that is mounted. @param {string} key */
  element(key) {
    return this.#mounted.get(key) ?? null;
  }

  /** A mounted row has another height now. */
  resized() {
    this.draw();
  }

  redraw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.draw();
    });
  }

  /** Brings a row into view, at the top or just far enough. @param {number} i @param {{atTop?: boolean}} [options] */
  reveal(i, { atTop = false } = {}) {
    if (i < 0) return;
    const head = this.#source.height(this.#rows[this.#headOf(i)]);
    const top = this.#tops[i] - (this.#source.isHead(this.#rows[i]) ? 0 : head);
    const scroll = this.#scroll;
    if (atTop || top < scroll.scrollTop) scroll.scrollTop = top;
    else if (this.#tops[i + 1] > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = Math.min(top, this.#tops[i + 1] - scroll.clientHeight);
    this.draw();
  }

  draw() {
    // A height that turns out to be another one moves the rest.
    for (let round = 0; round < 4 && this.#mount(); round += 1);
  }

  #layOut() {
    const { height, key } = this.#source;
    this.#tops = new Float64Array(this.#rows.length + 1);
    this.#rows.forEach((row, i) => { this.#tops[i + 1] = this.#tops[i] + (this.#heights.get(key(row)) ?? height(row)); });
  }

  #rowAt(y) {
    return partitionPoint(Math.max(0, this.#rows.length - 1), (i) => this.#tops[i + 1] <= y);
  }

  #headOf(i) {
    while (i > 0 && !this.#source.isHead(this.#rows[i])) i -= 1;
    return i;
  }

  /** @returns {boolean} whether heights changed */
  #mount() {
    const count = this.#rows.length;
    // A view that is as high as its rows has no height before there are any.
    if (count && !this.#scroll.clientHeight) this.#after.style.height = `${this.#tops[count]}px`;
    const { clientHeight, scrollTop } = this.#scroll;
    if (!clientHeight && count) return false;
    const first = this.#rowAt(scrollTop);
    const from = Math.max(0, first - AHEAD);
    const to = Math.min(count, this.#rowAt(scrollTop + clientHeight) + AHEAD + 1);
    const head = count ? this.#headOf(first) : 0;
    const wanted = count ? [...(head < from ? [head] : []), ...Array.from({ length: to - from }, (_, i) => from + i)] : [];
    const keys = new Set(wanted.map((i) => this.#source.key(this.#rows[i])));
    for (const [key, node] of this.#mounted) {
      if (keys.has(key)) continue;
      if (node.contains(document.activeElement)) this.#scroll.focus({ preventScroll: true });
      node.remove();
      this.#mounted.delete(key);
    }
    const isApart = head < from;
    /** @type {HTMLElement|null} */
    let last = isApart ? null : this.#before;
    for (const i of wanted) {
      const row = this.#rows[i];
      const key = this.#source.key(row);
      let node = this.#mounted.get(key);
      if (!node) {
        node = this.#source.make(row);
        this.#mounted.set(key, node);
      }
      const at = isApart && i === head ? this.#box.firstChild : last.nextSibling;
      if (node !== at) this.#box.insertBefore(node, at);
      last = isApart && i === head ? this.#before : node;
    }
    const apart = isApart ? this.#tops[head + 1] - this.#tops[head] : 0;
    this.#before.style.height = `${(count ? this.#tops[from] : 0) - apart}px`;
    this.#after.style.height = `${this.#tops[count] - this.#tops[count ? to : 0]}px`;
    return this.#measure(wanted, scrollTop);
  }

  #measure(wanted, scrollTop) {
    let shift = 0;
    let isOther = false;
    for (const i of wanted) {
      const key = this.#source.key(this.#rows[i]);
      const height = this.#mounted.get(key).getBoundingClientRect().height;
      const known = this.#tops[i + 1] - this.#tops[i];
      if (Math.abs(height - known) < 0.5) continue;
      isOther = true;
      this.#heights.set(key, height);
      // What lies above the view must not move what is in it.
      if (this.#tops[i + 1] <= scrollTop) shift += height - known;
    }
    if (!isOther) return false;
    this.#layOut();
    if (shift) this.#scroll.scrollTop = scrollTop + shift;
    return true;
  }
}
