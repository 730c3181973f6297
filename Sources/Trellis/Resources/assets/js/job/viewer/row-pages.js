// Loaded rows, in pages; evicts the least recently used pages.

/** @typedef {import("../text/line.js").Line} Line */

const SIZE = 256;
const MAX_LINES = 20_000;
// Characters: 20,000 lines of the usual length are far from it.
const MAX_UNITS = 16 << 20;

export class RowPages {
  /** In order of use. @type {Map<number, {rows: (Line|null|undefined)[], lines: number, units: number}>} */
  #pages = new Map();
  #lines = 0;
  #units = 0;
  // Pages that are being looked at, and are not given up: first, and one past the last.
  #kept = [0, 0];
  #maxLines;
  #maxUnits;

  /** @param {{maxLines?: number, maxUnits?: number}} limits */
  constructor({ maxLines = MAX_LINES, maxUnits = MAX_UNITS } = {}) {
    this.#maxLines = maxLines;
    this.#maxUnits = maxUnits;
  }

  /** How many lines are here. */
  get size() {
    return this.#lines;
  }

  /** @param {number} row @returns {Line|null|undefined} null: there is no line in this place, and never will be */
  get(row) {
    return this.#pages.get(Math.floor(row / SIZE))?.rows[row % SIZE];
  }

  /** A line that is here already stays: what is shown is that one. @param {number} row @param {Line|null} line */
  put(row, line) {
    const number = Math.floor(row / SIZE);
    let page = this.#pages.get(number);
    if (!page) page = { rows: [], lines: 0, units: 0 };
    else this.#pages.delete(number);
    this.#pages.set(number, page);
    if (page.rows[row % SIZE]) return;
    page.rows[row % SIZE] = line;
    if (!line) return;
    page.lines += 1;
    page.units += line.text.length;
    this.#lines += 1;
    this.#units += line.text.length;
    this.#trim();
  }

  /** These rows are looked at now. @param {number} first @param {number} end */
  use(first, end) {
    this.#kept = [Math.floor(first / SIZE), Math.ceil(end / SIZE)];
    for (let number = this.#kept[0]; number < this.#kept[1]; number += 1) {
      const page = this.#pages.get(number);
      if (!page) continue;
      this.#pages.delete(number);
      this.#pages.set(number, page);
    }
  }

  /** From the first to the last of the rows that are not here; null where all are. @returns {{first: number, end: number}|null} */
  missing(first, end) {
    while (first < end && this.get(first) !== undefined) first += 1;
    while (end > first && this.get(end - 1) !== undefined) end -= 1;
    return first < end ? { first, end } : null;
  }

  /** The row of line `n`, or of the next one, where the rows beside it are here. @param {number} n @returns {number|undefined} */
  rowOf(n) {
    for (const [number, { rows }] of this.#pages) {
      const last = rows.at(-1);
      if (!last || last.n < n) continue;
      let at = rows.length - 1;
      while (at > 0 && rows[at - 1] && rows[at - 1].n >= n) at -= 1;
      const row = number * SIZE + at;
      if (rows[at].n === n || row === 0) return row;
      const before = this.get(row - 1);
      if (before && before.n < n) return row;
    }
    return undefined;
  }

  /** Pairs of row and line number that are known, in order: what lies between them can be guessed. @returns {[number, number][]} */
  places() {
    return [...this.#pages].sort(([a], [b]) => a - b).flatMap(([number, { rows }]) => {
      const first = rows.findIndex(Boolean);
      const last = rows.length - 1;
      return first < 0 || !rows[last] ? [] : [[number * SIZE + first, rows[first].n], [number * SIZE + last, rows[last].n]];
    });
  }

  clear() {
    this.#pages.clear();
    this.#lines = 0;
    this.#units = 0;
  }

  #trim() {
    if (this.#lines <= this.#maxLines && this.#units <= this.#maxUnits) return;
    for (const [number, page] of this.#pages) {
      if (this.#lines <= this.#maxLines && this.#units <= this.#maxUnits) return;
      const isNewest = number === [...this.#pages.keys()].at(-1);
      if (isNewest || number >= this.#kept[0] && number < this.#kept[1]) continue;
      this.#pages.delete(number);
      this.#lines -= page.lines;
      this.#units -= page.units;
    }
  }
}
