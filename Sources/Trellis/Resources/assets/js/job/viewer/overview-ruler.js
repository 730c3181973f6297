// Beside the scroll bar: where hits, errors, warnings and the selection lie in the whole log.

import { one } from "../../lib/dom.js";

// Marks closer than this share of the log are one.
const STEPS = 250;

export class OverviewRuler {
  #host = one("[data-ruler]");
  #drawn = "";

  /**
   * @param {number} total rows
   * @param {Record<"hits"|"errors"|"warnings"|"selected", number[]>} rows
   */
  draw(total, { hits, errors, warnings, selected }) {
    const marks = [];
    if (total > 0) {
      const place = (rows, kind) => {
        const seen = new Set();
        for (const row of rows) {
          const step = Math.floor((row / total) * STEPS);
          if (seen.has(step)) continue;
          seen.add(step);
          marks.push([kind, step]);
        }
      };
      place(warnings, "warn");
      place(hits, "");
      place(errors, "err");
      place(selected, "sel");
    }
    const key = marks.join(";");
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.#host.replaceChildren(...marks.map(([kind, step]) => {
      const mark = document.createElement("i");
      mark.className = kind;
      mark.style.top = `${(step / STEPS) * 100}%`;
      return mark;
    }));
  }
}
