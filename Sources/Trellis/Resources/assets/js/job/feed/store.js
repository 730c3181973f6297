// Data about the whole log: how long it is, how far the feed has come, and where errors are. Lines are forwarded to the
// view.

import { Outline } from "../text/diagnostics.js";
import { LiveLines } from "./live-lines.js";

/** @typedef {import("../text/line.js").Line} Line */
/** @typedef {{lines: Line[], changed: Line[]}} Growth the newest lines, the last of the log among them; earlier ones that look different now */

export class LineStore {
  #live = new LiveLines();
  #listeners = new Set();

  /** How many lines the log has; the number of its last one. */
  count = 0;
  /** By stream. @type {Record<import("../text/line.js").Stream, number>} */
  counts = { STDOUT: 0, STDERR: 0, SYSTEM: 0 };
  /** The last chunk that was received. */
  lastSeq = 0;
  /** When the newest line was written. */
  lastTime = 0;
  outline = new Outline();

  /** @param {(growth: Growth) => void} listener */
  onGrow(listener) {
    this.#listeners.add(listener);
  }

  /**
   * Takes the end of the log, as the server gives it. Lines between the last known one and these are loaded when they
   * come into view.
   * @param {import("./log-api.js").LogAnswer} answer that reaches the end, of all streams
   */
  takeEnd({ seq, total, counts, ends, lines }) {
    if (seq <= this.lastSeq) return;
    this.lastSeq = seq;
    this.#live.resume(ends, lines);
    const known = this.count;
    this.count = total;
    this.counts = counts;
    this.#grow(lines.filter((line) => line.n > known), []);
  }

  /** Takes a chunk of the live feed, once. @param {import("./live-lines.js").LogRow} row @returns {boolean} false for a known one */
  takeRow(row) {
    if (row.seq <= this.lastSeq) return false;
    this.lastSeq = row.seq;
    const { lines, changed } = this.#live.take(row);
    if (!lines.length) return true;
    this.count = lines[lines.length - 1].n;
    this.counts[row.stream_type] += lines.length;
    this.#grow(lines, changed);
    return true;
  }

  #grow(lines, changed) {
    for (const line of lines) if (line.head) this.outline.add(line.mark, line.n);
    if (lines.length) this.lastTime = lines[lines.length - 1].t;
    for (const listener of this.#listeners) listener({ lines, changed });
  }
}
