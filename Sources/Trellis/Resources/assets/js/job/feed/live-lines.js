// Turns chunks of the live feed into lines: colors, marks and folds, stream by stream, in the order of the log.

import { AnsiParser } from "../text/ansi.js";
import { DiagnosticMarker } from "../text/diagnostics.js";
import { folded, STREAMS } from "../text/line.js";

/** @typedef {import("../text/line.js").Line} Line */

/**
 * @typedef {object} LogRow a chunk, as the feed sends it
 * @property {number} seq
 * @property {number} epoch
 * @property {number} first_line
 * @property {number} line_count
 * @property {import("../text/line.js").Stream} stream_type
 * @property {string} log_chunk
 * @property {boolean} [continued]
 * @property {[number, number][]} times
 * @property {string} created_at
 */

export class LiveLines {
  #streams = new Map(STREAMS.map((stream) => [stream, { ansi: new AnsiParser(), marker: new DiagnosticMarker(), epoch: 0 }]));

  /**
   * Continues after lines loaded over HTTP.
   * @param {Record<string, {style?: string, rest?: string, box?: "error"|"warning"|"open"}>} ends the state of each stream after them
   * @param {Line[]} lines the last of them
   */
  resume(ends, lines) {
    for (const [stream, { ansi, marker }] of this.#streams) {
      const end = ends[stream] ?? {};
      ansi.resume(end);
      marker.resume(end.box, end.box ? lines.filter((line) => line.stream === stream) : []);
    }
  }

  /** @param {LogRow} row @returns {{lines: Line[], changed: Line[]}} changed: earlier lines that look different now */
  take(row) {
    const stream = row.stream_type;
    const state = this.#streams.get(stream);
    if (!state) return { lines: [], changed: [] };
    // Another lease is another engine: it starts without the styles of the previous one.
    if (row.epoch && row.epoch !== state.epoch) {
      if (state.epoch) state.ansi.reset();
      state.epoch = row.epoch;
    }
    const texts = row.log_chunk.split("\n");
    if (texts[texts.length - 1] === "") texts.pop();
    const times = row.times?.length ? row.times : [[texts.length, Date.parse(row.created_at)]];
    let run = 0;
    let left = times[0][0];
    const lines = [];
    const changed = [];
    for (let i = 0; i < texts.length; i += 1) {
      while (left <= 0 && run + 1 < times.length) left = times[run += 1][0];
      left -= 1;
      const continued = Boolean(row.continued) && i === 0;
      const line = {
        n: row.first_line + i, stream, t: times[run][1], ...folded(state.ansi.line(texts[i], continued)), continued, mark: null, head: false,
      };
      changed.push(...state.marker.take(line));
      lines.push(line);
    }
    return { lines, changed };
  }
}
