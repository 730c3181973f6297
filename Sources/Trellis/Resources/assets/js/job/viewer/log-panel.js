// The log panel: brings store, view, window, following, search and selection together. They own the data;
// this class decides when to draw.

import { one, setText } from "../../lib/dom.js";
import { count, counted } from "../../lib/format.js";
import { announce, showError } from "../../lib/toast.js";
import { LineLoader } from "../feed/loader.js";
import { Find } from "../search/find.js";
import { LogSearch } from "../search/search.js";
import { readHash, Selection, SelectionBar } from "../selection/selection.js";
import { LineExpander } from "../text/long-lines.js";
import { Cursor } from "./cursor.js";
import { Display, press } from "./display.js";
import { Follow, isScrolledByUser } from "./follow.js";
import { GoToLine } from "./keys.js";
import { OverviewRuler } from "./overview-ruler.js";
import { LineView } from "./view.js";
import { LogWindow } from "./window.js";

// Idle time after which scrolling counts as finished.
const REST = 150;

export class LogPanel {
  #log = one("#log");
  #pill = one("[data-pill]");
  #store;
  #view;
  #window;
  #search;
  #unfolder;
  #bar;
  #ruler = new OverviewRuler();
  #byHand = isScrolledByUser(this.#log);
  #frame = 0;
  #rulerTimer = 0;
  #restTimer = 0;
  // Where the view's top was at the last scroll.
  #y = 0;
  // A line from the URL that is not in the log yet.
  #awaited = 0;
  /** Aborts the request for a line's row. @type {AbortController|null} */
  #going = null;
  /** While true, arriving lines don't count as new: the page is still loading. @type {() => boolean} */
  isFilling = () => false;
  /** Called after the selection has changed. @type {() => void} */
  onSelection = () => {};

  /**
   * @param {import("../feed/log-api.js").LogApi} api
   * @param {import("../feed/store.js").LineStore} store
   * @param {{start: () => number, refused: (error: Error) => void, trouble: () => void}} page
   *   start: when the job started; trouble: loading lines failed, or works again
   */
  constructor(api, store, page) {
    this.#store = store;
    this.#view = new LineView(store);
    const log = this.#log;
    const view = this.#view;
    this.display = new Display(log, page.start, {
      rebuild: (change) => this.#rebuild(change),
      setWrap: (on) => this.#window.setWrap(on),
      streamsChanged: () => this.#streamsChanged(),
    });
    this.loader = new LineLoader(api, view, { filled: () => this.#filled(), changed: page.trouble, refused: page.refused });
    this.#window = new LogWindow(log, one("[data-lines]"), view, {
      hits: (line) => this.find.hitsOf(line),
      isSelected: (n) => this.selection.has(n),
      isAt: (n) => n === this.cursor.line,
      time: (ms) => this.display.times.of(ms),
    });
    const window = this.#window;
    this.cursor = new Cursor({ api, store, view, window, panel: this });
    this.#unfolder = new LineExpander(log, { api, view, window });
    this.follow = new Follow(log, store, window);
    this.#search = new LogSearch(api, store);
    this.find = new Find(this.#search, {
      topLine: () => this.topLine(),
      streams: () => view.streams,
      show: (hit) => { this.reveal(hit.n, { onlyIfAway: true }); this.#unfolder.show(hit); },
      repaint: () => window.rows.repaint(),
      changed: () => this.#planRuler(),
      focusLog: () => this.focus(),
    });
    this.selection = new Selection(log, {
      changed: () => { window.rows.redecorate(); this.#planRuler(); this.onSelection(); },
      // The selection bar covers the bottom of the log; keep the selected line visible.
      opened: (n) => this.#makeRoom(n),
      reveal: (n) => this.reveal(n),
      picked: () => this.follow.unpin(),
    });
    this.#bar = new SelectionBar({ api, store, view, selection: this.selection, focusLog: () => this.focus() });
    this.goToLine = new GoToLine({
      count: () => store.count,
      go: (n) => { this.cursor.set(n); this.reveal(n); },
      focusLog: () => this.focus(),
    });

    window.onMove = () => this.follow.moved();
    store.onGrow(({ changed }) => {
      if (this.isFilling()) this.follow.markAllSeen();
      if (changed.length) window.rows.redraw(changed);
      this.redraw();
    });
    log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.follow.onChange(() => this.#followChanged());
    this.#pill.addEventListener("click", () => { this.toEnd(); this.focus(); });
    new ResizeObserver(() => this.#resized()).observe(log);
    document.fonts?.ready.then(() => this.#resized());
    this.display.restore();
    this.#followChanged();

    if (readHash(location.hash)) {
      this.follow.unpin();
      this.#awaited = readHash(location.hash).from;
      this.selection.fromAddress();
    }
  }

  /** Which lines are shown. */
  get view() {
    return this.#view;
  }

  focus() {
    this.#log.focus({ preventScroll: true });
  }

  get hasFocus() {
    return this.#log === document.activeElement;
  }

  /** The first fully visible line; 0 if there is none. */
  topLine() {
    return this.#view.length ? this.#view.lineAt(this.#window.topRow()) ?? 0 : 0;
  }

  /** Copies the selection or, without one, all visible lines. @param {Element|null} button */
  copy(button) {
    this.#bar.copy(button);
  }

  // ---- moving

  /** Goes to the end and stays there. */
  toEnd() {
    this.#going?.abort();
    this.#awaited = 0;
    this.cursor.set(0);
    this.follow.pin();
    this.#draw();
  }

  toStart() {
    this.#going?.abort();
    this.follow.unpin();
    this.#window.showStart();
    this.#draw();
  }

  /**
   * Brings a line into view; from now on the log does not move by itself.
   * @param {number} n
   * @param {{onlyIfAway?: boolean}} options
   */
  reveal(n, { onlyIfAway = false } = {}) {
    this.follow.unpin();
    this.#awaited = n > this.#store.count ? n : 0;
    if (!this.#view.length || this.#awaited) return;
    this.#goTo(n, (row) => {
      if (!(onlyIfAway && this.#window.isInView(row))) this.#window.showRow(row);
      this.#draw();
    });
  }

  // If streams are hidden, only the server may know the row of a line.
  #goTo(n, run) {
    this.#going?.abort();
    const row = this.#view.rowOf(n);
    if (row !== undefined) {
      run(row);
      return;
    }
    const { signal } = this.#going = new AbortController();
    this.loader.locate(n, signal).then(
      (found) => { if (!signal.aborted) run(found); },
      (error) => { if (error.name !== "AbortError") showError(error); },
    );
  }

  /** What Escape does in the log. @returns {boolean} whether there was something to undo */
  escape() {
    if (this.find.isOpen) this.find.close();
    else if (this.selection.range || this.cursor.line) {
      this.selection.clear();
      this.cursor.set(0);
    } else return false;
    return true;
  }

  /** The log has moved down by this many pixels: the visible text stays where it is on the screen. @param {number} px */
  shift(px) {
    if (!this.follow.pinned) this.#window.shift(px);
  }

  // The log got shorter: scroll up just enough to keep its bottom line visible.
  #makeRoom(n) {
    this.#resized();
    const row = this.#view.rowOf(n);
    if (row === undefined || row <= this.#window.topRow() || this.#window.isInView(row)) return;
    this.#window.showRow(row, 1);
    this.#draw();
  }

  // ---- what is shown, and how

  // Redraws everything around the top row.
  #rebuild(change) {
    const { row } = this.#window.top();
    change();
    this.#window.rebuild(row);
    this.#draw();
  }

  #streamsChanged() {
    const n = this.topLine();
    this.#going?.abort();
    this.loader.reset();
    this.#view.setStreams(this.display.streams);
    // Scroll to the approximate position at once, and to the exact one when the server responds.
    const show = (row) => { this.#window.rebuild(row); this.#draw(); };
    show(this.#view.near(n));
    if (!this.follow.pinned && this.#view.length && n) this.#goTo(n, show);
    this.find.restart();
    announce(`${count(this.#view.length)} of ${counted(this.#store.count, "line")} shown`);
  }

  // ---- drawing

  /** Draws pending changes in the next frame. */
  redraw() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => { this.#frame = 0; this.#draw(); });
  }

  #draw() {
    // Once it is shown, it has another size, and is drawn.
    if (this.#window.isHidden) return;
    this.follow.remember();
    if (this.follow.pinned) this.#window.showEnd();
    else {
      const n = this.#awaited;
      if (n && n <= this.#store.count) this.reveal(n);
      this.#window.showHere();
    }
    this.#request();
    this.#drawPill();
    this.display.drawCounts(this.#store.counts);
    this.#planRuler();
  }

  #request(isMoving = false) {
    const { first, end } = this.#window.rows;
    this.loader.request(first, end, { direction: Math.sign(this.#window.y - this.#y), isMoving });
  }

  #filled() {
    this.#window.fill();
    if (this.follow.pinned) this.#window.showEnd();
    this.#unfolder.filled();
  }

  #scrolled() {
    const byHand = this.#byHand();
    if (byHand) this.#going?.abort();
    this.#window.scrolled(byHand);
    this.follow.scrolled();
    const { y } = this.#window;
    if (!this.follow.pinned) {
      this.#window.showHere();
      this.#request(Math.abs(y - this.#y) > 2 * this.#log.clientHeight);
    }
    this.#y = y;
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => this.#rest(), REST);
  }

  #rest() {
    if (this.follow.pinned) return;
    this.#window.settle();
    this.#request();
  }

  #resized() {
    this.#window.measure();
    this.#draw();
  }

  #followChanged() {
    press("follow", this.follow.pinned);
    this.#drawPill();
    if (this.follow.pinned) this.redraw();
  }

  #drawPill() {
    const lines = this.follow.newLines;
    this.#pill.hidden = lines === 0;
    if (lines) setText(one("[data-pill-text]"), counted(lines, "new line"));
  }

  // Throttled: not needed at every frame.
  #planRuler() {
    this.#rulerTimer ||= setTimeout(() => {
      this.#rulerTimer = 0;
      const { range } = this.selection;
      const rowsOf = (numbers) => this.#view.guess(numbers);
      this.#ruler.draw(this.#view.length, {
        hits: rowsOf(this.#search.hits.map((hit) => hit.n)),
        errors: rowsOf(this.#store.outline.of("error")),
        warnings: rowsOf(this.#store.outline.of("warning")),
        selected: range ? rowsOf([range.from]) : [],
      });
    }, 200);
  }
}
