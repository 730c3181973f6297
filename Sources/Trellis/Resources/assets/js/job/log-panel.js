// The log panel: brings store, view, window, following, search and selection together. What lines mean is theirs;
// when the page is drawn is decided here.

import { announce } from "../lib/announce.js";
import { copyFrom } from "../lib/copy.js";
import { all, one, setText } from "../lib/dom.js";
import { counted, short } from "../lib/format.js";
import { pref, setPref } from "../lib/prefs.js";
import { Find } from "./find.js";
import { Follow } from "./follow.js";
import { hashOf, readHash } from "./lines-hash.js";
import { Ruler } from "./ruler.js";
import { LineSearch } from "./search.js";
import { Selection } from "./selection.js";
import { STREAMS } from "./store.js";
import { LineView } from "./view.js";
import { LogWindow } from "./window.js";

const NARROW = matchMedia("(max-width: 46em)");

export class LogPanel {
  #log = one("#log");
  #pill = one("[data-pill]");
  #store;
  #view;
  #window;
  #search;
  #ruler = new Ruler();
  #frame = 0;
  #rulerTimer = 0;
  /** The row cursor's line; 0 for none. */
  #cursor = 0;
  // A line of the address that has not arrived yet.
  #awaited = 0;
  #errors = 0;
  /** Called when there are more errors. @type {() => void} */
  onErrors = () => {};
  /** While this says true, lines that come are not new: the page is still being filled. @type {() => boolean} */
  isFilling = () => false;

  /** @param {import("./store.js").LineStore} store */
  constructor(store) {
    this.#store = store;
    this.#view = new LineView(store);
    this.follow = new Follow(this.#log, store);
    this.#search = new LineSearch(store, (stream) => this.#view.shows(stream));
    this.#window = new LogWindow(this.#log, one("[data-lines]"), store, this.#view, {
      hits: (line) => this.find.hitsOf(line),
      isSelected: (n) => this.selection.has(n),
      isAt: (n) => n === this.#cursor,
    });
    this.#window.onMove = () => this.follow.moved();
    this.find = new Find(this.#search, {
      topLine: () => this.#window.topLine(),
      show: (hit) => this.reveal(hit.n, { onlyIfAway: true }),
      repaint: () => this.#window.repaint(),
      changed: () => this.#planRuler(),
      focusLog: () => this.focus(),
    });
    this.selection = new Selection(this.#log, {
      changed: () => { this.#window.redecorate(); this.#planRuler(); },
      reveal: (n) => this.reveal(n),
      picked: () => this.follow.unpin(),
    });

    store.onAppend(({ changed }) => {
      if (this.isFilling()) this.follow.rebase();
      if (changed.length) this.#window.redraw(changed);
      this.#plan();
    });
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.follow.onChange(() => this.#followChanged());
    this.#pill.addEventListener("click", () => { this.toEnd(); this.focus(); });
    new ResizeObserver(() => this.#resized()).observe(this.#log);
    document.fonts?.ready.then(() => this.#resized());
    this.#bindSelectionBar();

    const wrap = pref("wrap");
    this.setWrap(wrap === null ? NARROW.matches : wrap === "on", false);
    this.setTimes(pref("timestamps") === "on", false);
    this.#followChanged();

    if (readHash(location.hash)) {
      this.follow.unpin();
      this.#awaited = readHash(location.hash).from;
      this.selection.fromAddress();
    }
  }

  focus() {
    this.#log.focus({ preventScroll: true });
  }

  get hasFocus() {
    return this.#log === document.activeElement;
  }

  // ---- moving

  /** Goes to the end and stays there. */
  toEnd() {
    this.#awaited = 0;
    this.#cursor = 0;
    this.follow.pin();
    this.#window.showEnd();
    this.#window.redecorate();
    this.#draw();
  }

  toStart() {
    this.follow.unpin();
    this.#window.showRow(0, 0);
    this.#log.scrollTop = 0;
    this.follow.moved();
    this.#draw();
  }

  /**
   * Brings a line into view; from now on the log does not move by itself.
   * @param {number} n
   * @param {{onlyIfAway?: boolean}} [options]
   */
  reveal(n, { onlyIfAway = false } = {}) {
    this.follow.unpin();
    this.#awaited = n > this.#store.count ? n : 0;
    if (!this.#view.length) return;
    const row = this.#view.rowOf(n);
    if (!(onlyIfAway && this.#window.isInView(row))) this.#window.showRow(row);
    this.#draw();
  }

  /** @param {number} by rows @param {{select?: boolean}} [options] */
  moveCursor(by, { select = false } = {}) {
    const total = this.#view.length;
    if (!total) return;
    const before = this.#cursor;
    let row;
    if (before) row = this.#view.rowOf(before) + by;
    else row = this.follow.pinned ? total - 1 : this.#window.top().row + (by > 0 ? 0 : this.#window.pageRows - 1);
    row = Math.max(0, Math.min(total - 1, row));
    if (by < 0) this.follow.unpin();
    const n = this.#view.lineAt(row);
    this.#cursor = n;
    if (select) this.selection.extend(before || n, n);
    if (!this.#window.isInView(row)) this.#window.showRow(row, by < 0 ? 0.05 : 0.95);
    this.#window.redecorate();
    this.#draw();
    const line = this.#store.get(n);
    if (line) announce(`Line ${n}${line.stream === "STDOUT" ? "" : `, ${line.stream.toLowerCase()}`}: ${line.text || "empty"}`);
  }

  /** Selects the row under the cursor. */
  pickCursor() {
    if (!this.#cursor) return;
    this.follow.unpin();
    this.selection.clear();
    this.selection.select(this.#cursor, this.#cursor);
  }

  /** What Escape does in the log. @returns {boolean} whether there was something to undo */
  escape() {
    if (this.find.isOpen) this.find.close();
    else if (this.selection.range || this.#cursor) {
      this.#cursor = 0;
      this.selection.clear();
      this.#window.redecorate();
    } else return false;
    return true;
  }

  /** The next or the previous error, from the cursor or the view. @param {1|-1} by @returns {boolean} */
  stepError(by) {
    const { errors } = this.#store;
    if (!errors.length) return false;
    const here = errors.includes(this.#cursor) ? this.#cursor : this.#window.topLine() - (by > 0 ? 1 : 0);
    const next = by > 0 ? errors.find((n) => n > here) ?? errors[0] : errors.findLast((n) => n < here) ?? errors[errors.length - 1];
    this.showError(next);
    return true;
  }

  /** @param {number} n */
  showError(n) {
    const line = this.#store.get(n);
    if (line && !this.#view.shows(line.stream)) this.setStream(line.stream, true);
    this.#cursor = n;
    this.reveal(n);
    this.#window.redecorate();
    this.focus();
    if (line) announce(`Line ${n}: ${line.text}`, { urgent: true });
  }

  /** The log has moved down by so much: what is read stays where it is on the screen. @param {number} px */
  shift(px) {
    if (this.follow.pinned || this.#log.scrollTop === 0) return;
    this.#log.scrollTop += px;
    this.follow.moved();
  }

  // ---- what is shown, and how

  setWrap(on, remember = true) {
    const n = this.#view.length ? this.#view.lineAt(this.#window.top().row) : 1;
    this.#window.setWrap(on);
    this.#press("wrap", on);
    if (remember) setPref("wrap", on ? "on" : "off");
    this.#again(n);
  }

  get wraps() {
    return this.#window.wrap;
  }

  setTimes(on, remember = true) {
    const n = this.#view.length ? this.#view.lineAt(this.#window.top().row) : 1;
    this.#log.toggleAttribute("data-time", on);
    this.#press("time", on);
    if (remember) setPref("timestamps", on ? "on" : "off");
    // The text gets narrower: wrapped rows may get other heights.
    if (this.#window.wrap) this.#again(n);
  }

  get showsTimes() {
    return this.#log.hasAttribute("data-time");
  }

  setStream(stream, on) {
    const n = this.#view.length ? this.#view.lineAt(this.#window.top().row) : 1;
    const shown = new Set(STREAMS.filter((s) => (s === stream ? on : this.#view.shows(s))));
    this.#view.setStreams(shown);
    for (const chip of all(`[data-s="${stream}"]`)) {
      chip.setAttribute(chip.hasAttribute("aria-checked") ? "aria-checked" : "aria-pressed", String(on));
    }
    this.#again(n);
    this.find.restart();
    announce(`${counted(this.#view.length, "line")} shown`);
  }

  shows(stream) {
    return this.#view.shows(stream);
  }

  #again(n) {
    this.#window.rebuild(n);
    if (this.follow.pinned) this.#window.showEnd();
    this.#draw();
  }

  // ---- copying

  /** The selection; without one, all that is shown. @param {Element|null} button */
  copy(button) {
    const range = this.selection.range;
    const from = range?.from ?? 1;
    const to = Math.min(range?.to ?? this.#store.count, this.#store.count);
    const text = this.#store.text(from, to, range ? undefined : (line) => this.#view.shows(line.stream));
    return copyFrom(button, text, range ? `Copied ${counted(to - from + 1, "line")}` : "Copied the log");
  }

  #bindSelectionBar() {
    const copy = one("[data-picked-copy]");
    copy.addEventListener("click", () => this.copy(copy));
    const link = one("[data-picked-link]");
    link.addEventListener("click", () => {
      const address = new URL(location.href);
      address.hash = hashOf(this.selection.range);
      copyFrom(link, address.href, "Copied the link");
    });
    one("[data-picked-clear]").addEventListener("click", () => { this.selection.clear(); this.focus(); });
  }

  // ---- drawing

  /** Draws what is beside the lines: the note after the last one came or went. */
  redraw() {
    this.#plan();
  }

  // What has come since the last frame is drawn in this one.
  #plan() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => { this.#frame = 0; this.#draw(); });
  }

  #draw() {
    this.follow.remember();
    if (this.follow.pinned) this.#window.showEnd();
    else {
      if (this.#awaited && this.#awaited <= this.#store.count) {
        const n = this.#awaited;
        this.#awaited = 0;
        this.#window.showRow(this.#view.rowOf(n));
      }
      this.#window.showHere();
    }
    this.#drawPill();
    this.#drawCounts();
    this.#planRuler();
    if (this.#store.errors.length !== this.#errors) {
      this.#errors = this.#store.errors.length;
      this.onErrors();
    }
  }

  #scrolled() {
    if (!this.follow.pinned) this.#window.showHere();
  }

  #resized() {
    this.#window.measure();
    this.#draw();
  }

  #followChanged() {
    this.#press("follow", this.follow.pinned);
    this.#drawPill();
    if (this.follow.pinned) this.#plan();
  }

  #drawPill() {
    const lines = this.follow.newLines;
    this.#pill.hidden = lines === 0;
    if (lines) setText(one("[data-pill-text]"), counted(lines, "new line"));
  }

  #drawCounts() {
    for (const stream of STREAMS) {
      const text = short(this.#store.counts[stream]);
      for (const chip of all(`[data-s="${stream}"] .n`)) setText(chip, text);
    }
  }

  #press(tool, on) {
    for (const button of all(`[data-tool="${tool}"]`)) {
      button.setAttribute(button.hasAttribute("aria-checked") ? "aria-checked" : "aria-pressed", String(on));
    }
  }

  // Not at every frame: it is a glance's worth.
  #planRuler() {
    this.#rulerTimer ||= setTimeout(() => {
      this.#rulerTimer = 0;
      const rowsOf = (list) => list.map((n) => this.#view.rowOf(n));
      const { range } = this.selection;
      this.#ruler.draw(this.#view.length, {
        hits: rowsOf(this.#search.hits.map((hit) => hit.n)),
        errors: rowsOf(this.#store.errors),
        selected: range ? rowsOf([range.from]) : [],
      });
    }, 200);
  }
}
