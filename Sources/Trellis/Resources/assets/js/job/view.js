// Which lines are shown: all, or those of some streams. A row is a place in what is shown, from 0.

import { STREAMS } from "./store.js";

export class LineView {
  #store;
  /** @type {Set<string>} */
  #shown = new Set(STREAMS);
  /** Line numbers by row; null while every line is shown. @type {number[]|null} */
  #index = null;
  #seen = 0;

  /** @param {import("./store.js").LineStore} store */
  constructor(store) {
    this.#store = store;
    store.onAppend(({ to }) => this.#extend(to));
  }

  get isFiltered() {
    return this.#index !== null;
  }

  /** How many rows there are. */
  get length() {
    return this.#index ? this.#index.length : this.#store.count;
  }

  /** @param {string} stream */
  shows(stream) {
    return this.#shown.has(stream);
  }

  /** @param {Set<string>} streams */
  setStreams(streams) {
    this.#shown = streams;
    this.#seen = 0;
    this.#index = streams.size === STREAMS.length ? null : [];
    this.#extend(this.#store.count);
  }

  #extend(to) {
    if (!this.#index) return;
    for (let n = this.#seen + 1; n <= to; n += 1) {
      const line = this.#store.get(n);
      if (line && this.#shown.has(line.stream)) this.#index.push(n);
    }
    this.#seen = Math.max(this.#seen, to);
  }

  /** The number of the line in `row`. @param {number} row */
  lineAt(row) {
    return this.#index ? this.#index[row] : row + 1;
  }

  /** The row of line `n`, or of the next one that is shown. @param {number} n */
  rowOf(n) {
    if (!this.#index) return Math.min(Math.max(n - 1, 0), Math.max(this.length - 1, 0));
    let low = 0;
    let high = this.#index.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#index[middle] < n) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, Math.min(low, this.#index.length - 1));
  }
}
