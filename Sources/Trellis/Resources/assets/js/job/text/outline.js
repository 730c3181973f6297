// Where the log names errors and warnings: line numbers, in order, each once, whoever told of them.

/** @typedef {"error"|"warning"} Kind */

export class Outline {
  /** @type {Record<Kind, number[]>} */
  #heads = { error: [], warning: [] };
  // Grows with every change.
  version = 0;

  /** @param {Kind} kind @returns {readonly number[]} */
  of(kind) {
    return this.#heads[kind];
  }

  /** @param {Kind} kind @param {number} n */
  add(kind, n) {
    const list = this.#heads[kind];
    const at = upperBound(list, n);
    if (list[at - 1] === n) return;
    list.splice(at, 0, n);
    this.version += 1;
  }

  /** What the server knows of the whole log. @param {{errors: number[], warnings: number[]}} found */
  merge({ errors, warnings }) {
    this.#merge("error", errors);
    this.#merge("warning", warnings);
  }

  #merge(kind, found) {
    const list = [...new Set([...found, ...this.#heads[kind]])].sort((a, b) => a - b);
    if (list.length === this.#heads[kind].length) return;
    this.#heads[kind] = list;
    this.version += 1;
  }

  /**
   * The one after or before line `n`; round the end where there is none. 0 where there are none at all.
   * @param {Kind} kind @param {number} n @param {1|-1} by
   */
  next(kind, n, by) {
    const list = this.#heads[kind];
    const after = upperBound(list, n);
    if (by > 0) return list[after] ?? list[0] ?? 0;
    const before = list[after - 1] === n ? after - 2 : after - 1;
    return list[before] ?? list.at(-1) ?? 0;
  }
}

/** How many of the sorted numbers are at most `n`. @param {number[]} list @param {number} n */
function upperBound(list, n) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] <= n) low = middle + 1;
    else high = middle;
  }
  return low;
}
