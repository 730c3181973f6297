// Searching the lines that are here, in slices, also while they come. A search on the server stands in its place
// by offering the same: hits, isDone, isCapped, run, stop, onChange.

/** @typedef {{n: number, col: number, len: number}} Hit */
/** @typedef {{text: string, matchCase: boolean, regex: boolean}} Query */

const CAP = 100_000;
const SLICE = 8;
const MAX_PER_LINE = 1000;

/**
 * @param {Query} query
 * @returns {RegExp} @throws {SyntaxError} for a pattern that is none
 */
function patternOf({ text, matchCase, regex }) {
  const source = regex ? text : text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(source, matchCase ? "gu" : "giu");
}

/** The hits in one text. @param {RegExp} pattern @param {string} text @returns {{col: number, len: number}[]} */
export function hitsIn(pattern, text) {
  const found = [];
  pattern.lastIndex = 0;
  for (let m = pattern.exec(text); m && found.length < MAX_PER_LINE; m = pattern.exec(text)) {
    if (m[0]) found.push({ col: m.index, len: m[0].length });
    else pattern.lastIndex += 1;
  }
  return found;
}

export class LineSearch {
  #store;
  #shows;
  /** @type {RegExp|null} */
  #pattern = null;
  #scanned = 0;
  #timer = 0;

  /** @type {Hit[]} */
  hits = [];
  isCapped = false;
  /** @type {() => void} */
  onChange = () => {};

  /**
   * @param {import("./store.js").LineStore} store
   * @param {(stream: string) => boolean} shows lines of other streams have no hits
   */
  constructor(store, shows) {
    this.#store = store;
    this.#shows = shows;
    store.onAppend(() => this.#plan());
  }

  /** The pattern in force; null while nothing is searched. */
  get pattern() {
    return this.#pattern;
  }

  /** True where every line that is here has been looked at. */
  get isDone() {
    return this.#scanned >= this.#store.count || this.isCapped;
  }

  /** The last line that has been looked at. */
  get scanned() {
    return this.#scanned;
  }

  /** @param {Query} query @throws {SyntaxError} */
  run(query) {
    this.stop();
    if (!query.text) return;
    this.#pattern = patternOf(query);
    this.#slice();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#pattern = null;
    this.#scanned = 0;
    this.hits = [];
    this.isCapped = false;
  }

  #plan() {
    if (this.#pattern && !this.#timer && !this.isDone) this.#timer = setTimeout(() => this.#slice(), 0);
  }

  #slice() {
    this.#timer = 0;
    const until = performance.now() + SLICE;
    const { count } = this.#store;
    while (this.#scanned < count && !this.isCapped) {
      const n = this.#scanned + 1;
      const line = this.#store.get(n);
      if (line && this.#shows(line.stream)) {
        for (const hit of hitsIn(this.#pattern, line.text)) {
          if (this.hits.length >= CAP) { this.isCapped = true; break; }
          this.hits.push({ n, ...hit });
        }
      }
      this.#scanned = n;
      if (n % 64 === 0 && performance.now() > until) break;
    }
    this.onChange();
    this.#plan();
  }
}
