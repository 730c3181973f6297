// A line, from a window or the live feed.

import { styleOf } from "./ansi.js";

/** @typedef {"STDOUT"|"STDERR"|"SYSTEM"} Stream */

/**
 * @typedef {object} Line
 * @property {number} n from 1
 * @property {Stream} stream
 * @property {number} t milliseconds since 1970
 * @property {string} text the visible text, or its beginning
 * @property {(number|import("./ansi.js").Style)[]|null} runs
 * @property {boolean} continued it continues the stream's previous line, which was cut
 * @property {"error"|"warning"|null} mark part of a diagnostic
 * @property {boolean} head the line that names it
 * @property {number} length of the whole line: more than `text` where it is folded
 */

/** @type {Stream[]} */
export const STREAMS = ["STDOUT", "STDERR", "SYSTEM"];

// The number of characters shown before a line is folded; windows are cut there too.
const FOLD = 4096;

/** A line as the API sends it. @returns {Line} */
export function lineOf({ n, stream, t, text, continued, runs, mark, head, length }) {
  return {
    n, stream, t: Date.parse(t), text, continued: Boolean(continued), mark: mark ?? null, head: Boolean(head),
    runs: runs?.length ? runs.map((part) => (typeof part === "string" ? styleOf(part) : part)) : null,
    length: length ?? text.length,
  };
}

/** The beginning of a long line. @param {import("./ansi.js").StyledLine} line */
export function folded({ text, runs }) {
  const { length } = text;
  if (length <= FOLD) return { text, runs, length };
  // Not between the two halves of a character.
  const isHigh = (text.charCodeAt(FOLD - 1) & 0xfc00) === 0xd800;
  const at = isHigh ? FOLD - 1 : FOLD;
  let kept = runs;
  if (runs) {
    let end = 0;
    while (end < runs.length && runs[end] < at) end += 2;
    kept = runs.slice(0, end);
  }
  return { text: text.slice(0, at), runs: kept?.length ? kept : null, length };
}

export const isFolded = (line) => line.length > line.text.length;
