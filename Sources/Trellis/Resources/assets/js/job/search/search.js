// Searching the whole log, on the server: hits stream in. While the log grows, it searches again from
// where it has looked to.

import { ApiError } from "../../lib/api.js";
import { ndjson } from "../../lib/ndjson.js";
import { partitionPoint } from "../../lib/partition-point.js";
import { Backoff } from "../../lib/timing.js";

/** @typedef {{n: number, col: number, len: number}} Hit n: the line; col, len: in UTF-16 units of its visible text */
/** @typedef {{text: string, matchCase: boolean, regex: boolean, streams: string|null}} Query */

// How often the lines that have come are looked through.
const AGAIN = 1000;

export class LogSearch {
  #api;
  #store;
  #backoff = new Backoff();
  /** @type {Query|null} */
  #query = null;
  /** @type {AbortController|null} */
  #request = null;
  #timer = 0;

  /** @type {Hit[]} */
  hits = [];
  /** The last line that has been looked at. */
  scanned = 0;
  /** True where what was there has been looked through. */
  isDone = true;
  isCapped = false;
  /** Why the search stopped, or the pattern's error. */
  reason = "";
  /** The status that the search was refused with: 400 for an invalid pattern; 0 if it was not refused. */
  refusal = 0;
  /** @type {() => void} */
  onChange = () => {};

  /**
   * @param {import("../feed/log-api.js").LogApi} api
   * @param {import("../feed/store.js").LineStore} store
   */
  constructor(api, store) {
    this.#api = api;
    this.#store = store;
    store.onGrow(() => { if (this.isOn && !this.#request) this.#later(AGAIN); });
  }

  get isOn() {
    return this.#query !== null;
  }

  /** @param {Query} query an empty one ends it, and one in no streams */
  run(query) {
    this.stop();
    if (!query.text || query.streams === "") return;
    this.#query = query;
    this.isDone = false;
    this.#ask();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#request?.abort();
    this.#request = null;
    this.#query = null;
    this.hits = [];
    this.scanned = 0;
    this.isDone = true;
    this.isCapped = false;
    this.refusal = 0;
    this.reason = "";
  }

  #later(wait) {
    if (this.#query && !this.isCapped && !this.refusal) this.#timer ||= setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    this.#timer = 0;
    const { text, matchCase, regex, streams } = this.#query;
    const request = this.#request = new AbortController();
    const path = this.#api.searchPath({ q: text, case: Number(matchCase), regex: Number(regex), streams, from: this.scanned + 1 });
    try {
      for await (const parts of ndjson(path, request.signal)) {
        if (request.signal.aborted) return;
        for (const part of parts) this.#take(part);
        this.onChange();
      }
      this.#backoff.reset();
      this.isDone = true;
      this.#request = null;
      if (this.scanned < this.#store.count) this.#later(AGAIN);
    } catch (error) {
      if (request.signal.aborted) return;
      this.#request = null;
      if (!(error instanceof ApiError)) throw error;
      // Asked again from there on, so these come again.
      this.hits.length = firstFrom(this.hits, this.scanned + 1);
      this.refusal = error.isTransient ? 0 : error.status;
      this.reason = error.message;
      this.#later(this.#backoff.next());
    }
    this.onChange();
  }

  #take(part) {
    if (part.n !== undefined) {
      this.hits.push(part);
      return;
    }
    if (part.scanned !== undefined) this.scanned = part.scanned;
    if (part.done) {
      this.isCapped = part.capped;
      this.reason = part.reason ?? "";
    }
  }
}

/** The first of the hits that is in line `n` or after it; how many there are where none is. @param {Hit[]} hits @param {number} n */
export function firstFrom(hits, n) {
  return partitionPoint(hits.length, (i) => hits[i].n < n);
}

/** The hits in line `n`. @param {Hit[]} hits @param {number} n */
export function hitsIn(hits, n) {
  const first = firstFrom(hits, n);
  let end = first;
  while (end < hits.length && hits[end].n === n) end += 1;
  return first === end ? [] : hits.slice(first, end);
}
