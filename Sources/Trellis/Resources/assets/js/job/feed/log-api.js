// The log's reading API: windows of lines, the outline, and the addresses of its text.

import { get, query } from "../../lib/api.js";
import { lineOf } from "../text/line.js";

/**
 * A window of lines.
 * @typedef {object} LogAnswer
 * @property {number} total lines in the whole log
 * @property {number} seq the log's last chunk when this was read
 * @property {number} row of the first line here, among those that were asked for
 * @property {Record<import("../text/line.js").Stream, number>} counts in the whole log
 * @property {"OPEN"|"COMPLETE"|"INCOMPLETE"} logState
 * @property {import("../text/line.js").Line[]} lines
 * @property {Record<string, any>} ends the state of each stream after the log's last line
 */

/** @typedef {{from?: number, row?: number, tail?: number, count?: number, streams?: string|null}} LinesQuery */

const NONE = { STDOUT: 0, STDERR: 0, SYSTEM: 0 };

/** @param {any} data @returns {LogAnswer|null} null for a response that is not from Trellis */
export function answerOf(data) {
  if (!Array.isArray(data?.lines)) return null;
  const { total, seq, row, counts, log_state: logState, lines, ends = {} } = data;
  return { total, seq, row, counts: { ...NONE, ...counts }, logState, ends, lines: lines.map(lineOf) };
}

export class LogApi {
  #path;

  /** @param {string} job its id */
  constructor(job) {
    this.#path = `/api/jobs/${job}/logs`;
  }

  /** @param {LinesQuery} wanted @param {AbortSignal} [signal] @returns {Promise<LogAnswer|null>} */
  async lines(wanted, signal) {
    return answerOf(await get(`${this.#path}/lines${query({ ...wanted, styles: 1 })}`, { signal }));
  }

  /** One line, whole. @param {number} n @returns {Promise<import("../text/line.js").Line|undefined>} */
  async whole(n) {
    const data = await get(`${this.#path}/lines${query({ from: n, count: 1, styles: 1, fold: 0 })}`);
    return answerOf(data)?.lines.find((line) => line.n === n);
  }

  /** @returns {Promise<{errors: number[], warnings: number[]}>} */
  outline() {
    return get(`${this.#path}/outline`);
  }

  /** @param {Record<string, any>} wanted */
  searchPath(wanted) {
    return `${this.#path}/search${query({ ...wanted, progress: 1 })}`;
  }

  /** @param {{from?: number, to?: number, streams?: string|null, ansi?: 0|1, download?: 1}} wanted */
  textPath(wanted) {
    return `${this.#path}${query({ format: "text", ansi: 0, ...wanted })}`;
  }
}
