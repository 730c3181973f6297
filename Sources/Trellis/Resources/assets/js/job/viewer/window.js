// The mounted rows and the scroll position: those in view and some around them, however long the log is. They are in an
// element of the log's (bounded) height. Without wrapping, all rows have the same height and positions are exact; with
// wrapping they are estimates, and the visible rows stay in place when rows above get their real height.

import { MountedRows } from "./mounted.js";
import { ScrollSpace } from "./scroll-space.js";

// The maximum number of mounted rows. More mounted rows make the estimates for wrapped rows better.
const MAX_ROWS = 300;
const MAX_OVER = 60;

export class LogWindow {
  #scroller;
  #host;
  #view;
  #rows;
  #space = new ScrollSpace();
  // Where the first mounted row is in the log; where the element is in the scroller.
  #y = 0;
  #pad = 0;
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
   * @param {import("./view.js").LineView} view
   * @param {import("./rows.js").Decor} decor
   */
  constructor(scroller, host, view, decor) {
    this.#scroller = scroller;
    this.#host = host;
    this.#view = view;
    this.#rows = new MountedRows(host, view, decor);
    this.measure();
  }

  /** The rows that are mounted. */
  get rows() {
    return this.#rows;
  }

  /** Learns the height of a row: after a change of the font, the zoom or the layout. */
  measure() {
    // A log that is not shown has no height, and would have the whole page laid out.
    if (this.isHidden) return;
    const height = Number.parseFloat(getComputedStyle(this.#scroller).lineHeight);
    if (height > 0) this.#rowHeight = height;
    if (!this.#wrap) this.#estimate = this.#rowHeight;
    this.#pad = this.#host.offsetTop;
  }

  /** @param {boolean} wrap */
  setWrap(wrap) {
    this.#wrap = wrap;
    this.#scroller.toggleAttribute("data-wrap", wrap);
    this.#estimate = this.#rowHeight * (wrap ? 1.4 : 1);
    this.#columns = -1;
  }

  /** Another view is shown. */
  get isHidden() {
    return this.#scroller.closest("[hidden]") !== null;
  }

  /** How many rows are in view, at least. */
  get pageRows() {
    return Math.max(1, Math.floor(this.#scroller.clientHeight / this.#rowHeight));
  }

  get #inView() {
    return Math.ceil(this.#scroller.clientHeight / this.#rowHeight) + 1;
  }

  get #overscan() {
    return Math.max(10, Math.min(MAX_OVER, Math.floor((MAX_ROWS - this.#inView) / 2)));
  }

  // ---- where the reader is

  /** Where the view's top is in the log, in pixels. */
  get y() {
    return this.#space.toLog(this.#scroller.scrollTop - this.#pad);
  }

  /** The maximum of `y`. */
  get maxY() {
    const beyond = this.#scroller.scrollHeight - this.#space.height;
    return this.#height + beyond - this.#scroller.clientHeight - this.#pad;
  }

  /** The first row in view, and how far its top is below the view's (negative: above it). */
  top() {
    const { y } = this;
    const row = this.#rowAt(y);
    const node = this.#rows.at(row);
    if (node) return { row, offset: this.#y + node.offsetTop - y };
    return { row, offset: this.#wrap ? 0 : row * this.#rowHeight - y };
  }

  /** The first fully visible row. */
  topRow() {
    const { row, offset } = this.top();
    return Math.min(offset < -2 ? row + 1 : row, Math.max(0, this.#view.length - 1));
  }

  #rowAt(y) {
    const within = (row) => Math.max(0, Math.min(this.#view.length - 1, row));
    const rows = this.#rows;
    if (!this.#wrap || !rows.count) return within(Math.floor(y / this.#estimate));
    const end = this.#y + rows.height;
    if (y < this.#y) return within(Math.floor((y / Math.max(1, this.#y)) * rows.first));
    if (y >= end) return within(rows.end + Math.floor((y - end) / this.#estimate));
    return rows.rowAt(y - this.#y);
  }

  /** Whether the row is mounted and fully visible. @param {number} row */
  isInView(row) {
    const node = this.#rows.at(row);
    if (!node) return false;
    const top = this.#y + node.offsetTop - this.y;
    return top >= 0 && top + node.offsetHeight <= this.#scroller.clientHeight;
  }

  // ---- moving

  /** The scroller has moved. @param {boolean} byHand a wheel, a finger or a key moves it, pixel by pixel */
  scrolled(byHand) {
    this.#space.moved(this.#scroller.scrollTop - this.#pad, byHand);
  }

  /** Scrolling has stopped: restores the scroll bar's proportion and the room to scroll further. */
  settle() {
    if (this.#space.isScaled) this.#moveTo(this.y);
  }

  /** The content above the log has grown by this many pixels: the text stays where it is on the screen. @param {number} px */
  shift(px) {
    if (this.#scroller.scrollTop > 0) this.#scrollTo(this.#scroller.scrollTop + px);
  }

  /** Brings a part of a mounted row into view sideways. @param {Element} part */
  showPart(part) {
    const view = this.#scroller.getBoundingClientRect();
    const box = part.getBoundingClientRect();
    const left = view.left + (part.closest(".ln")?.firstElementChild?.getBoundingClientRect().width ?? 0);
    if (box.left < left) this.#scroller.scrollLeft -= left + 24 - box.left;
    else if (box.right > view.right - 24) this.#scroller.scrollLeft += Math.min(box.left - left - 24, box.right - view.right + 96);
  }

  // ---- what is mounted

  /** Shows the end, as following does. */
  showEnd() {
    const total = this.#view.length;
    const need = this.pageRows + 2;
    // Trim the top occasionally, not at every new line.
    const { first: before } = this.#rows;
    const first = total - before > MAX_ROWS - 40 || before >= total || total - before < need ? Math.max(0, total - need - 40) : before;
    this.#mount(first, total);
    this.#y = first * this.#estimate;
    this.#resize();
    this.#space.place(this.#height);
    this.#placeRows();
    this.#scrollTo(this.#scroller.scrollHeight);
  }

  showStart() {
    this.showRow(0, 0);
    this.#moveTo(-this.#pad);
  }

  /** Mounts the rows for the scroll position. */
  showHere() {
    const total = this.#view.length;
    if (!total) {
      this.#clear();
      return;
    }
    const { row, offset } = this.top();
    const bottom = Math.min(total, row + this.#inView);
    const over = this.#overscan;
    const slack = Math.floor(over / 3);
    const { first, end } = this.#rows;
    const isEnough = first <= Math.max(0, row - slack) && end >= Math.min(total, bottom + slack) && end <= total;
    if (!isEnough) this.#mount(Math.max(0, row - over), Math.min(total, bottom + over));
    this.#keepPosition(row, offset);
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
    const top = Math.max(0, Math.min(at - Math.ceil(this.#inView * share), total - this.#inView));
    this.#mount(Math.max(0, top - this.#overscan), Math.min(total, Math.max(at + 1, top + this.#inView) + this.#overscan));
    this.#y = this.#rows.first * this.#estimate;
    this.#resize();
    const node = this.#rows.at(at);
    const room = this.#scroller.clientHeight - node.offsetHeight;
    this.#moveTo(this.#y + node.offsetTop - Math.max(0, room * share));
  }

  /** Mounts all rows again around a row, after a change of the filter or the display. @param {number} row */
  rebuild(row) {
    this.#clear();
    this.measure();
    if (!this.#view.length) return;
    this.showRow(row, 0);
    this.showHere();
  }

  /** Mounted rows have loaded. */
  fill() {
    this.#redraw(() => this.#rows.fill());
  }

  /** A row's text has changed. @param {number} row */
  remake(row) {
    if (this.#rows.at(row)) this.#redraw(() => { this.#rows.remake(row); return true; });
  }

  // Keeps the visible rows in place when heights change. `draw` returns whether it has drawn anything.
  #redraw(draw) {
    const { row, offset } = this.top();
    if (!draw()) return;
    this.#width();
    this.#keepPosition(row, offset);
  }

  #clear() {
    this.#mount(0, 0);
    this.#y = 0;
    this.#resize();
  }

  #mount(first, end) {
    this.#width();
    this.#rows.mount(first, end);
    if (this.#wrap && this.#rows.count > 20) this.#estimate = Math.max(this.#rowHeight, this.#rows.height / this.#rows.count);
  }

  // Puts `row` where it was: `offset` below the view's top. Corrects the estimated height above, so that nothing moves;
  // scrolls only if that is not enough.
  #keepPosition(row, offset) {
    const { y } = this;
    const { first } = this.#rows;
    const node = this.#rows.at(row);
    let place = y;
    if (this.#wrap && node) {
      const inside = node.offsetTop;
      this.#y = y + offset - inside;
      if (first === 0) this.#y = 0;
      else if (this.#y < first * this.#rowHeight) this.#y = first * this.#estimate;
      place = this.#y + inside - offset;
    } else {
      this.#y = first * this.#estimate;
    }
    this.#resize();
    const hasRoom = this.#space.hasRoom(this.#scroller.scrollTop - this.#pad);
    if (Math.abs(place - this.y) > 0.5 || !hasRoom) this.#moveTo(place);
  }

  // How high the whole log is.
  get #height() {
    if (!this.#wrap) return this.#view.length * this.#rowHeight;
    return this.#y + this.#rows.height + (this.#view.length - this.#rows.end) * this.#estimate;
  }

  #resize() {
    this.#space.resize(this.#height, this.#scroller.clientHeight);
    const height = `${this.#space.height}px`;
    if (this.#host.style.height !== height) this.#host.style.height = height;
    this.#placeRows();
  }

  #placeRows() {
    this.#rows.place(this.#space.toElement(this.#y));
  }

  #moveTo(y) {
    const top = this.#space.place(y);
    this.#placeRows();
    this.#scrollTo(top + this.#pad);
  }

  #scrollTo(top) {
    if (this.#scroller.scrollTop !== top) this.#scroller.scrollTop = top;
    this.scrolled(true);
    this.onMove();
  }

  // The log is as wide as the longest line that was seen, so scrolling up and down rarely changes the width.
  #width() {
    const digits = Math.max(4, String(this.#view.lineCount).length);
    if (digits !== this.#digits) {
      this.#digits = digits;
      this.#host.style.setProperty("--digits", String(digits));
    }
    const columns = this.#wrap ? 0 : this.#view.columns;
    if (columns !== this.#columns) {
      this.#columns = columns;
      this.#host.style.setProperty("--cols", String(columns));
    }
  }
}
