// The rest of long lines, when it is asked for: by their button, or by a hit that lies in it.

import { showError } from "../../lib/toast.js";
import { isFolded } from "./line.js";

export class LineExpander {
  #parts;
  /** The hit that is gone to, until it can be seen. @type {import("../search/search.js").Hit|null} */
  #hit = null;

  /**
   * @param {HTMLElement} log
   * @param {{api: import("../feed/log-api.js").LogApi, view: import("../viewer/view.js").LineView, window: import("../viewer/window.js").LogWindow}} parts
   */
  constructor(log, parts) {
    this.#parts = parts;
    log.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("[data-unfold]") : null;
      if (button) this.unfold(Number(button.closest(".ln").dataset.line)).then(() => log.focus({ preventScroll: true }));
    });
  }

  /** @param {number} n */
  async unfold(n) {
    const { api, view, window } = this.#parts;
    const line = view.line(n);
    if (!line || !isFolded(line)) return;
    try {
      const whole = await api.whole(n);
      if (!whole) return;
      view.unfold(line, whole);
    } catch (error) {
      showError(error);
      return;
    }
    const row = view.rowOf(n);
    if (row !== undefined) window.remake(row);
  }

  /** Makes a hit seen: when its line has come, unfolded as far as that, and sideways. @param {import("../search/search.js").Hit} hit */
  show(hit) {
    this.#hit = hit;
    this.filled();
  }

  /** Rows have come; perhaps that of the hit is among them. */
  filled() {
    const hit = this.#hit;
    if (!hit) return;
    const { view, window } = this.#parts;
    const line = view.line(hit.n);
    const node = line && window.rows.node(hit.n);
    if (!node) return;
    if (isFolded(line) && hit.col + hit.len > line.text.length) {
      this.#hit = null;
      this.unfold(hit.n).then(() => { if (!isFolded(line)) this.show(hit); });
      return;
    }
    this.#hit = null;
    const mark = node.querySelector("mark.now");
    if (mark) window.showPart(mark);
  }
}
