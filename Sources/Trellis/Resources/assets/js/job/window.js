// The rows that are mounted: those in view and some around them, however long the log is. Two spacers stand for
// the rest. Without wrapping every row has one height and the spacers are exact; with wrapping they are estimates,
// and what is under the reader's eyes is held in place when rows above it get their real height.

import { decorate, makeRow, repaint } from "./rows.js";

// Mounted rows are kept under 300; wrapped ones are fewer pixels' worth of guessing when there are more of them.
const MAX_ROWS = 300;
const MAX_OVER = 60;

export class LogWindow {
  #scroller;
  #host;
  #store;
  #view;
  #decor;
  #above = document.createElement("div");
  #below = document.createElement("div");
  /** @type {HTMLElement[]} */
  #rows = [];
  // The mounted rows: first, and one past the last.
  #first = 0;
  #end = 0;
  #rowHeight = 20;
  #estimate = 20;
  #wrap = false;
  #columns = -1;
  #digits = 0;

  /** Called after every change of the scroll position that the window makes itself. @type {() => void} */
  onMove = () => {};

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} host takes the rows
   * @param {import("./store.js").LineStore} store
   * @param {import("./view.js").LineView} view
   * @param {import("./rows.js").Decor} decor
   */
  constructor(scroller, host, store, view, decor) {
    this.#scroller = scroller;
    this.#host = host;
    this.#store = store;
    this.#view = view;
    this.#decor = decor;
    host.replaceChildren(this.#above, this.#below);
    this.measure();
  }

  get wrap() {
    return this.#wrap;
  }

  /** Learns the height of a row: after a change of the font, the zoom or the layout. */
  measure() {
    const height = Number.parseFloat(getComputedStyle(this.#scroller).lineHeight);
    if (height > 0) this.#rowHeight = height;
    if (!this.#wrap) this.#estimate = this.#rowHeight;
  }

  /** @param {boolean} wrap */
  setWrap(wrap) {
    this.#wrap = wrap;
    this.#scroller.toggleAttribute("data-wrap", wrap);
    this.#estimate = this.#rowHeight * (wrap ? 1.4 : 1);
    this.#columns = -1;
  }

  /** How many rows are in view, at least. */
  get pageRows() {
    return Math.max(1, Math.floor(this.#scroller.clientHeight / this.#rowHeight));
  }

  get #over() {
    const inView = Math.ceil(this.#scroller.clientHeight / this.#rowHeight) + 1;
    return Math.max(10, Math.min(MAX_OVER, Math.floor((MAX_ROWS - inView) / 2)));
  }

  // ---- where the reader is

  /** The first row in view, and how far its top is below the view's (negative: above it). */
  top() {
    const scroll = this.#scroller.scrollTop - this.#host.offsetTop;
    const row = this.#rowAtOffset(scroll);
    const node = this.#rows[row - this.#first];
    return { row, offset: (node ? node.offsetTop - this.#host.offsetTop : row * this.#estimate) - scroll };
  }

  /** Number of the first line that is wholly in view; 0 where there is none. */
  topLine() {
    if (!this.#view.length) return 0;
    const { row, offset } = this.top();
    const next = offset < -2 ? row + 1 : row;
    return this.#view.lineAt(Math.min(next, this.#view.length - 1)) ?? 0;
  }

  #rowAtOffset(y) {
    const rows = this.#rows;
    if (!rows.length) return 0;
    const base = this.#host.offsetTop;
    const start = rows[0].offsetTop - base;
    const last = rows[rows.length - 1];
    const end = last.offsetTop - base + last.offsetHeight;
    const total = this.#view.length;
    if (y < start) return Math.max(0, Math.min(this.#first, Math.floor((y / Math.max(1, start)) * this.#first)));
    if (y >= end) return Math.min(total - 1, this.#end + Math.floor((y - end) / this.#estimate));
    if (!this.#wrap) return Math.min(total - 1, this.#first + Math.floor((y - start) / this.#rowHeight));
    let low = 0;
    let high = rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (rows[middle].offsetTop - base <= y) low = middle;
      else high = middle - 1;
    }
    return this.#first + low;
  }

  // ---- what is mounted

  /** Shows the end, as following does. */
  showEnd() {
    const total = this.#view.length;
    const need = this.pageRows + 2;
    // While lines trickle in, the top is trimmed now and then, not at every line.
    const first = total - this.#first > MAX_ROWS - 40 || this.#first >= total || total - this.#first < need
      ? Math.max(0, total - need - 40) : this.#first;
    this.#mount(first, total);
    this.#setSpacers(this.#first * this.#estimate);
    this.#scrollTo(this.#scroller.scrollHeight);
  }

  /** Mounts what the scroll position asks for. */
  showHere() {
    const total = this.#view.length;
    if (!total) {
      this.#mount(0, 0);
      this.#setSpacers(0);
      return;
    }
    this.#width();
    const { row, offset } = this.top();
    const bottom = Math.min(total, row + Math.ceil(this.#scroller.clientHeight / this.#rowHeight) + 1);
    const over = this.#over;
    const slack = Math.floor(over / 3);
    const enough = this.#first <= Math.max(0, row - slack) && this.#end >= Math.min(total, bottom + slack) && this.#end <= total;
    if (enough) {
      // Only what lies below may have grown.
      this.#setBelow();
      return;
    }
    this.#mount(Math.max(0, row - over), Math.min(total, bottom + over));
    this.#hold(row, offset);
  }

  /**
   * Brings a row into view.
   * @param {number} row
   * @param {number} [share] where in the view: 0 its top, 1 its bottom
   */
  showRow(row, share = 0.3) {
    const total = this.#view.length;
    if (!total) return;
    const at = Math.max(0, Math.min(total - 1, row));
    const inView = Math.ceil(this.#scroller.clientHeight / this.#rowHeight) + 1;
    const over = this.#over;
    this.#mount(Math.max(0, at - over - Math.ceil(inView * share)), Math.min(total, at + inView + over));
    this.#setSpacers(this.#first * this.#estimate);
    const node = this.#rows[at - this.#first];
    const room = this.#scroller.clientHeight - node.offsetHeight;
    this.#scrollTo(node.offsetTop - Math.max(0, room * share));
  }

  /** True where the row is mounted and wholly in view. @param {number} row */
  isInView(row) {
    const node = this.#rows[row - this.#first];
    if (!node) return false;
    const top = node.offsetTop - this.#scroller.scrollTop;
    return top >= 0 && top + node.offsetHeight <= this.#scroller.clientHeight;
  }

  /** Mounts everything anew around the same line: after a change of what is shown, or how. @param {number} n */
  rebuild(n, offset = 0) {
    this.#mount(0, 0);
    this.measure();
    const total = this.#view.length;
    if (!total) return this.#setSpacers(0);
    const row = this.#view.rowOf(n);
    this.showRow(row, 0);
    this.#scrollTo(this.#scroller.scrollTop - offset);
    this.showHere();
  }

  /** Draws the mounted rows of these lines anew. @param {import("./store.js").Line[]} lines */
  redraw(lines) {
    for (const line of lines) {
      const node = this.node(line.n);
      if (node) decorate(node, line, line.n, this.#decor);
    }
  }

  /** The mounted row of line `n`. @param {number} n @returns {HTMLElement|undefined} */
  node(n) {
    const row = this.#view.rowOf(n);
    return this.#view.lineAt(row) === n ? this.#rows[row - this.#first] : undefined;
  }

  /** Draws selection and cursor anew. */
  redecorate() {
    for (const node of this.#rows) {
      const n = Number(node.dataset.line);
      decorate(node, this.#store.get(n), n, this.#decor);
    }
  }

  /** Draws the hits anew. */
  repaint() {
    for (const node of this.#rows) {
      const line = this.#store.get(Number(node.dataset.line));
      if (line) repaint(node, line, this.#decor);
    }
  }

  #make(row) {
    const n = this.#view.lineAt(row);
    return makeRow(this.#store.get(n), n, this.#decor);
  }

  #mount(first, end) {
    this.#width();
    if (first >= this.#end || end <= this.#first) {
      for (const node of this.#rows) node.remove();
      this.#rows = [];
      this.#first = this.#end = first;
    }
    while (this.#first < first) { this.#rows.shift().remove(); this.#first += 1; }
    while (this.#end > end) { this.#rows.pop().remove(); this.#end -= 1; }
    if (this.#first > first) {
      const made = [];
      for (let row = first; row < this.#first; row += 1) made.push(this.#make(row));
      this.#above.after(...made);
      this.#rows.unshift(...made);
      this.#first = first;
    }
    if (this.#end < end) {
      const made = [];
      for (let row = this.#end; row < end; row += 1) made.push(this.#make(row));
      this.#below.before(...made);
      this.#rows.push(...made);
      this.#end = end;
    }
    if (this.#wrap && this.#rows.length > 20) {
      const last = this.#rows[this.#rows.length - 1];
      const height = last.offsetTop + last.offsetHeight - this.#rows[0].offsetTop;
      this.#estimate = Math.max(this.#rowHeight, height / this.#rows.length);
    }
  }

  // Puts `row` where it was: `offset` below the view's top. The upper spacer takes up what the guess was wrong by.
  #hold(row, offset) {
    const node = this.#rows[row - this.#first];
    if (!this.#wrap || !node) return this.#setSpacers(this.#first * this.#estimate);
    const inside = node.offsetTop - this.#rows[0].offsetTop;
    const scroll = this.#scroller.scrollTop - this.#host.offsetTop;
    let above = scroll + offset - inside;
    if (this.#first === 0) above = 0;
    else if (above < this.#first * this.#rowHeight) above = this.#first * this.#estimate;
    this.#setSpacers(above);
    const wrong = node.offsetTop - this.#host.offsetTop - scroll - offset;
    if (Math.abs(wrong) > 0.5) this.#scrollTo(this.#scroller.scrollTop + wrong);
  }

  #setSpacers(above) {
    this.#above.style.height = `${Math.max(0, above)}px`;
    this.#setBelow();
  }

  #setBelow() {
    const height = `${Math.max(0, this.#view.length - this.#end) * this.#estimate}px`;
    if (this.#below.style.height !== height) this.#below.style.height = height;
  }

  #scrollTo(top) {
    this.#scroller.scrollTop = top;
    this.onMove();
  }

  // The log is as wide as its longest line, mounted or not, so that scrolling never changes it.
  #width() {
    const digits = Math.max(4, String(this.#store.count).length);
    if (digits !== this.#digits) {
      this.#digits = digits;
      this.#host.style.setProperty("--digits", String(digits));
    }
    const columns = this.#wrap ? 0 : this.#store.columns;
    if (columns !== this.#columns) {
      this.#columns = columns;
      this.#host.style.setProperty("--cols", String(columns));
    }
  }
}
