// All lines that have arrived, by number. What shows them asks `get`; a store that fetches windows from the
// server can stand in its place.

import { AnsiParser } from "./ansi.js";
import { Marker } from "./marks.js";

/** @typedef {"STDOUT"|"STDERR"|"SYSTEM"} Stream */

/**
 * @typedef {object} Line
 * @property {number} n from 1
 * @property {Stream} stream
 * @property {number} t milliseconds since 1970
 * @property {string} text the visible text
 * @property {(number|import("./ansi.js").Style)[]|null} runs
 * @property {boolean} continued it goes on where the stream's previous line was cut
 * @property {"error"|"warning"|null} mark part of a diagnostic
 * @property {boolean} head the line that names it
 */

/**
 * @typedef {object} LogRow a chunk, as the API sends it
 * @property {number} seq
 * @property {number} epoch
 * @property {number} first_line
 * @property {number} line_count
 * @property {Stream} stream_type
 * @property {string} log_chunk
 * @property {boolean} [continued]
 * @property {[number, number][]} times
 * @property {string} created_at
 */

/** @type {Stream[]} */
export const STREAMS = ["STDOUT", "STDERR", "SYSTEM"];

export class LineStore {
  /** @type {(Line|undefined)[]} */
  #lines = [];
  #parsers = new Map(STREAMS.map((s) => [s, { ansi: new AnsiParser(), marker: new Marker(), epoch: 0 }]));
  #listeners = new Set();

  /** The last chunk that was taken. */
  lastSeq = 0;
  /** The length of the longest line: how wide the log is. */
  columns = 0;
  /** @type {Record<Stream, number>} */
  counts = { STDOUT: 0, STDERR: 0, SYSTEM: 0 };
  /** Numbers of the lines that name an error; of warnings. @type {number[]} */
  errors = [];
  /** @type {number[]} */
  warnings = [];
  /** When the newest line was written, and when its chunk was stored. */
  lastTime = 0;

  /** How many lines the log has; the number of its last one. */
  get count() {
    return this.#lines.length;
  }

  /** @param {number} n @returns {Line|undefined} */
  get(n) {
    return this.#lines[n - 1];
  }

  /**
   * Tells of new lines, and of older ones that look different now.
   * @param {(change: {from: number, to: number, changed: Line[]}) => void} listener
   */
  onAppend(listener) {
    this.#listeners.add(listener);
  }

  /**
   * Takes a chunk, once.
   * @param {LogRow} row
   * @returns {boolean} false for one that was here already
   */
  append(row) {
    if (row.seq <= this.lastSeq) return false;
    this.lastSeq = row.seq;
    const stream = row.stream_type;
    const parser = this.#parsers.get(stream);
    if (!parser) return false;
    // Another lease is another engine: it starts without the colours of the one before.
    if (row.epoch && row.epoch !== parser.epoch) {
      if (parser.epoch) parser.ansi.reset();
      parser.epoch = row.epoch;
    }
    const from = row.first_line;
    const texts = row.log_chunk.split("\n");
    if (texts[texts.length - 1] === "") texts.pop();
    const times = row.times?.length ? row.times : [[texts.length, Date.parse(row.created_at)]];
    let run = 0;
    let left = times[0][0];
    const changed = [];
    for (let i = 0; i < texts.length; i += 1) {
      while (left <= 0 && run + 1 < times.length) left = times[run += 1][0];
      left -= 1;
      const continued = Boolean(row.continued) && i === 0;
      const { text, runs } = parser.ansi.line(texts[i], continued);
      /** @type {Line} */
      const line = { n: from + i, stream, t: times[run][1], text, runs, continued, mark: null, head: false };
      changed.push(...parser.marker.take(line));
      if (line.head) (line.mark === "error" ? this.errors : this.warnings).push(line.n);
      if (text.length > this.columns) this.columns = text.length;
      this.#lines[line.n - 1] = line;
      this.lastTime = line.t;
    }
    this.counts[stream] += texts.length;
    for (const listener of this.#listeners) listener({ from, to: from + texts.length - 1, changed });
    return true;
  }

  /**
   * The text of a range, cut lines joined again.
   * @param {number} from
   * @param {number} to
   * @param {(line: Line) => boolean} [keep]
   */
  text(from, to, keep = () => true) {
    const parts = [];
    const last = new Map();
    for (let n = from; n <= to; n += 1) {
      const line = this.get(n);
      if (!line || !keep(line)) continue;
      const cut = line.continued ? last.get(line.stream) : undefined;
      if (cut !== undefined) parts[cut] += line.text;
      else last.set(line.stream, parts.push(line.text) - 1);
    }
    return parts.join("\n") + (parts.length ? "\n" : "");
  }
}
