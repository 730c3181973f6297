// The rows that are mounted, in one block: a stretch of the log's rows, and what is drawn on them.

import { partitionPoint } from "../../lib/partition-point.js";
import { decorate, makeRow, repaint } from "./rows.js";

export class MountedRows {
  #view;
  #decor;
  #block = document.createElement("div");
  /** @type {HTMLElement[]} */
  #nodes = [];
  /** The first row, and one past the last. */
  first = 0;
  end = 0;

  /**
   * @param {HTMLElement} host takes the block
   * @param {import("./view.js").LineView} view
   * @param {import("./rows.js").Decor} decor
   */
  constructor(host, view, decor) {
    this.#view = view;
    this.#decor = decor;
    this.#block.className = "rows";
    host.replaceChildren(this.#block);
  }

  get count() {
    return this.#nodes.length;
  }

  /** In pixels. */
  get height() {
    return this.#block.offsetHeight;
  }

  /** Positions the block at an offset. @param {number} top */
  place(top) {
    const text = `${top}px`;
    if (this.#block.style.top !== text) this.#block.style.top = text;
  }

  /** @param {number} row @returns {HTMLElement|undefined} */
  at(row) {
    return this.#nodes[row - this.first];
  }

  /** The row `y` pixels below the block's top; rows may have any height. @param {number} y */
  rowAt(y) {
    const after = partitionPoint(this.#nodes.length, (i) => this.#nodes[i].offsetTop <= y);
    return this.first + Math.max(0, after - 1);
  }

  /** The row of line `n`. @param {number} n @returns {HTMLElement|undefined} */
  node(n) {
    return this.#nodes.find((node) => node.dataset.line === String(n));
  }

  /** Mounts these rows, and no others. @param {number} first @param {number} end */
  mount(first, end) {
    if (first >= this.end || end <= this.first) {
      this.#block.replaceChildren();
      this.#nodes = [];
      this.first = this.end = first;
    }
    while (this.first < first) { this.#nodes.shift().remove(); this.first += 1; }
    while (this.end > end) { this.#nodes.pop().remove(); this.end -= 1; }
    const make = (from, to) => Array.from({ length: Math.max(0, to - from) }, (_, i) => this.#make(from + i));
    const before = make(first, this.first);
    const after = make(this.end, end);
    this.#block.prepend(...before);
    this.#block.append(...after);
    this.#nodes = before.concat(this.#nodes, after);
    this.first = first;
    this.end = end;
  }

  /** Renders rows that have just loaded. @returns {boolean} whether there are any */
  fill() {
    let isFilled = false;
    this.#nodes.forEach((node, i) => {
      if (!node.hasAttribute("data-wait") || this.#view.get(this.first + i) === undefined) return;
      this.remake(this.first + i);
      isFilled = true;
    });
    return isFilled;
  }

  /** Redraws a row. @param {number} row */
  remake(row) {
    const node = this.#make(row);
    this.#nodes[row - this.first].replaceWith(node);
    this.#nodes[row - this.first] = node;
  }

  /** Redraws the marks of these lines. @param {import("../text/line.js").Line[]} lines */
  redraw(lines) {
    for (const line of lines) {
      const node = this.node(line.n);
      if (node) decorate(node, line, line.n, this.#decor);
    }
  }

  /** Redraws selection and cursor. */
  redecorate() {
    this.#each((node, line) => { if (line) decorate(node, line, line.n, this.#decor); });
  }

  /** Redraws the hits. */
  repaint() {
    this.#each((node, line) => { if (line) repaint(node, line, this.#decor); });
  }

  #each(run) {
    this.#nodes.forEach((node, i) => { if (!node.hasAttribute("data-wait")) run(node, this.#view.get(this.first + i)); });
  }

  #make(row) {
    return makeRow(this.#view.get(row), this.#view.lineAt(row), this.#decor);
  }
}
