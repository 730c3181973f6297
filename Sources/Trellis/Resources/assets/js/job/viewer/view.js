// Which lines are shown: all, or those of some streams. A row is a place in what is shown, from 0. Not all rows are
// loaded; the loader fetches rows as they come into view.

import { STREAMS } from "../text/line.js";
import { RowPages } from "./row-pages.js";

/** @typedef {import("../text/line.js").Line} Line */

export class LineView {
  #store;
  #pages = new RowPages();
  /** @type {Set<string>} */
  #shown = new Set(STREAMS);
  /** The length of the longest line so far, which is the width of the log. */
  columns = 0;

  /** @param {import("../feed/store.js").LineStore} store */
  constructor(store) {
    this.#store = store;
    store.onGrow(({ lines }) => this.#extend(lines));
  }

  get isFiltered() {
    return this.#shown.size !== STREAMS.length;
  }

  /** The visible streams as an API parameter; null for all. */
  get streams() {
    return this.isFiltered ? STREAMS.filter((stream) => this.#shown.has(stream)).join(",") : null;
  }

  /** How many lines the log has. */
  get lineCount() {
    return this.#store.count;
  }

  /** How many rows there are. */
  get length() {
    if (!this.isFiltered) return this.#store.count;
    return STREAMS.reduce((sum, stream) => sum + (this.#shown.has(stream) ? this.#store.counts[stream] : 0), 0);
  }

  /** @param {string} stream */
  shows(stream) {
    return this.#shown.has(stream);
  }

  /** @param {Set<string>} streams */
  setStreams(streams) {
    this.#shown = streams;
    this.#pages.clear();
  }

  /** @param {number} row @returns {Line|null|undefined} undefined: not loaded; null: missing */
  get(row) {
    return this.#pages.get(row);
  }

  /** The line with number `n`, if it is loaded. @param {number} n @returns {Line|null|undefined} */
  line(n) {
    const row = this.rowOf(n);
    const line = row === undefined ? undefined : this.get(row);
    return line?.n === n ? line : undefined;
  }

  /** The number of the line in `row`; undefined where it is not known yet. @param {number} row @returns {number|undefined} */
  lineAt(row) {
    return this.isFiltered ? this.get(row)?.n : row + 1;
  }

  /** The row of line `n`, or of the next one that is shown; undefined where that is not known. @param {number} n @returns {number|undefined} */
  rowOf(n) {
    return this.isFiltered ? this.#pages.rowOf(n) : this.#within(n - 1);
  }

  /** The approximate row of line `n`. @param {number} n */
  near(n) {
    return this.rowOf(n) ?? this.guess([n])[0];
  }

  /** The approximate rows of lines. @param {readonly number[]} numbers in order */
  guess(numbers) {
    if (!this.isFiltered) return numbers.map((n) => n - 1);
    const places = [[-1, 0], ...this.#pages.places(), [this.length, this.#store.count + 1]];
    let at = 1;
    return numbers.map((n) => {
      while (at < places.length - 1 && places[at][1] < n) at += 1;
      const [row, line] = places[at - 1];
      const [nextRow, nextLine] = places[at];
      return this.#within(Math.round(row + (n - line) / Math.max(1, nextLine - line) * (nextRow - row)));
    });
  }

  #within(row) {
    return Math.max(0, Math.min(row, this.length - 1));
  }

  /**
   * Adds lines that were loaded with this view's streams.
   * @param {import("../feed/log-api.js").LogAnswer} answer
   * @param {number} [from] the requested row: rows that the response leaves out after it are missing
   */
  take({ row, lines }, from = Infinity) {
    let next = from;
    lines.forEach((line, i) => {
      const at = this.isFiltered ? row + i : line.n - 1;
      for (; next < at; next += 1) this.#pages.put(next, null);
      this.#put(at, line);
      next = at + 1;
    });
  }

  /** The rest of a folded line has loaded. @param {Line} line @param {Line} whole */
  unfold(line, { text, runs, length }) {
    Object.assign(line, { text, runs, length });
    this.columns = Math.max(this.columns, text.length);
  }

  /** @param {number} first @param {number} end */
  use(first, end) {
    this.#pages.use(first, end);
  }

  /** @param {number} first @param {number} end */
  missing(first, end) {
    return this.#pages.missing(Math.max(0, first), Math.min(end, this.length));
  }

  // The newest lines: the last one is in the last row, if it is shown.
  #extend(lines) {
    let row = this.length - 1;
    for (let i = lines.length - 1; i >= 0; i -= 1) {
      const line = lines[i];
      if (!this.isFiltered) this.#put(line.n - 1, line);
      else if (this.#shown.has(line.stream)) this.#put(row--, line);
    }
  }

  #put(row, line) {
    this.#pages.put(row, line);
    if (line.text.length > this.columns) this.columns = line.text.length;
  }
}
