// Which lines are shown: all, or those of some streams. A row is a place in what is shown, from 0. Rows are loaded only in
// part only: what is not here is fetched by the loader when it is looked at.

import { STREAMS } from "../text/line.js";
import { RowPages } from "./row-pages.js";

/** @typedef {import("../text/line.js").Line} Line */

export class LineView {
  #store;
  #pages = new RowPages();
  /** @type {Set<string>} */
  #shown = new Set(STREAMS);
  /** The length of the longest line that was here: how wide the log is. */
  columns = 0;

  /** @param {import("../feed/store.js").LineStore} store */
  constructor(store) {
    this.#store = store;
    store.onGrow(({ lines }) => this.#extend(lines));
  }

  get isFiltered() {
    return this.#shown.size !== STREAMS.length;
  }

  /** The streams that are shown, as the API wants them; null for all. */
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

  /** @param {number} row @returns {Line|null|undefined} undefined: not here; null: it has got lost */
  get(row) {
    return this.#pages.get(row);
  }

  /** The line of number `n`, if it is here. @param {number} n @returns {Line|null|undefined} */
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

  /** Where line `n` is, more or less. @param {number} n */
  near(n) {
    return this.rowOf(n) ?? this.guess([n])[0];
  }

  /** Where lines are, more or less. @param {readonly number[]} numbers in order */
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
   * Takes lines that were asked for with this view's streams.
   * @param {import("../feed/log-api.js").LogAnswer} answer
   * @param {number} [from] the row that was asked for: what is left out from there on has got lost
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

  /** The rest of a line that was folded has come. @param {Line} line @param {Line} whole */
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
