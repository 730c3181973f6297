// The time shown before a line: none, time of day, or time since the start.

import { timeOfDay } from "../../lib/format.js";

/** @typedef {"off"|"on"|"relative"} TimeMode "on": the time of day */

/** In the order in which they are gone through. @type {TimeMode[]} */
/** @type {TimeMode[]} */
const MODES = ["off", "on", "relative"];
const NAMES = { off: "off", on: "time of day", relative: "since the start" };

const pad = (n, width = 2) => String(n).padStart(width, "0");

export class Timestamps {
  #start;
  /** @type {TimeMode} */
  mode = "off";

  /** @param {() => number} start when the job started, in milliseconds since 1970 */
  constructor(start) {
    this.#start = start;
  }

  /** @param {string|null} mode */
  set(mode) {
    this.mode = MODES.find((known) => known === mode) ?? "off";
  }

  /** The mode after this one. @returns {TimeMode} */
  get next() {
    return MODES[(MODES.indexOf(this.mode) + 1) % MODES.length];
  }

  /** For people. */
  get name() {
    return NAMES[this.mode];
  }

  /**
   * A line's time in two parts, the second less important.
   * @param {number} ms
   * @returns {[string, string]}
   */
  of(ms) {
    return this.mode === "relative" ? sinceStart(ms - this.#start()) : timeOfDay(ms);
  }
}

/**
 * `+02:14` and `.267`, `-00:00` before the start, `+1:12:09`.
 * @param {number} ms
 * @returns {[string, string]}
 */
export function sinceStart(ms) {
  const size = Math.abs(ms);
  const hours = Math.floor(size / 3_600_000);
  const rest = `${pad(Math.floor(size / 60_000) % 60)}:${pad(Math.floor(size / 1000) % 60)}`;
  return [`${ms < 0 ? "-" : "+"}${hours ? `${hours}:` : ""}${rest}`, `.${pad(Math.floor(size) % 1000, 3)}`];
}
