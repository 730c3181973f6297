// Display settings: streams, wrapping, timestamps. All except the streams remembered.

import { all, one, setText } from "../../lib/dom.js";
import { short } from "../../lib/format.js";
import { pref, setPref } from "../../lib/prefs.js";
import { announce } from "../../lib/toast.js";
import { STREAMS } from "../text/line.js";
import { Timestamps } from "../text/timestamps.js";

const NARROW = matchMedia("(max-width: 46em)");

export class Display {
  #log;
  #page;
  times;
  wraps = false;
  /** @type {Set<string>} */
  streams = new Set(STREAMS);

  /**
   * @param {HTMLElement} log
   * @param {() => number} start when the job started
   * @param {{rebuild: (change: () => void) => void, setWrap: (on: boolean) => void, streamsChanged: () => void}} page
   *   rebuild: changes the look of rows and redraws them
   */
  constructor(log, start, page) {
    this.#log = log;
    this.#page = page;
    this.times = new Timestamps(start);
  }

  /** As it was chosen before, in this browser. */
  restore() {
    const wrap = pref("wrap");
    this.setWrap(wrap === null ? NARROW.matches : wrap === "on", false);
    this.#setTimes(pref("timestamps"));
  }

  /** @param {boolean} on */
  setWrap(on, remember = true) {
    this.wraps = on;
    press("wrap", on);
    if (remember) setPref("wrap", on ? "on" : "off");
    this.#page.rebuild(() => this.#page.setWrap(on));
  }

  nextTimes() {
    this.#setTimes(this.times.next);
    setPref("timestamps", this.times.mode);
    announce(`Timestamps: ${this.times.name}`);
  }

  #setTimes(mode) {
    this.times.set(mode);
    const isOn = this.times.mode !== "off";
    press("time", isOn);
    for (const button of all('[data-tool="time"]')) button.title = `Timestamps: ${this.times.name} (t)`;
    this.#page.rebuild(() => this.#log.toggleAttribute("data-time", isOn));
  }

  /** @param {string} stream @param {boolean} on */
  setStream(stream, on) {
    this.streams = new Set(STREAMS.filter((each) => (each === stream ? on : this.streams.has(each))));
    for (const chip of all(`[data-s="${stream}"]`)) mark(chip, on);
    this.#page.streamsChanged();
  }

  /** Every stream again. */
  showAll() {
    this.streams = new Set(STREAMS);
    for (const stream of STREAMS) for (const chip of all(`[data-s="${stream}"]`)) mark(chip, true);
    this.#page.streamsChanged();
  }

  /** @param {Record<string, number>} counts lines by stream */
  drawCounts(counts) {
    for (const stream of STREAMS) {
      const text = short(counts[stream]);
      for (const chip of all(`[data-s="${stream}"]`)) {
        setText(one(".n", chip), text);
        chip.toggleAttribute("data-none", counts[stream] === 0);
      }
    }
  }
}

/** Shows a tool's button as on or off. @param {string} tool @param {boolean} on */
export function press(tool, on) {
  for (const button of all(`[data-tool="${tool}"]`)) mark(button, on);
}

function mark(button, on) {
  button.setAttribute(button.hasAttribute("aria-checked") ? "aria-checked" : "aria-pressed", String(on));
}
