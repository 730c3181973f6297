// What can be done with the log's text: the bar of the picked lines, and copying.

import { announce } from "../../lib/announce.js";
import { copyFrom } from "../../lib/copy.js";
import { one } from "../../lib/dom.js";
import { hashOf } from "./lines-hash.js";
import { copiedRange, copyLog } from "./log-copy.js";

export class SelectionBar {
  #parts;

  /**
   * @param {object} parts
   * @param {import("../feed/log-api.js").LogApi} parts.api
   * @param {import("../feed/store.js").LineStore} parts.store
   * @param {import("../viewer/view.js").LineView} parts.view
   * @param {import("./selection.js").Selection} parts.selection
   * @param {() => void} parts.focusLog
   */
  constructor(parts) {
    this.#parts = parts;
    const { selection, focusLog } = parts;
    const copy = one("[data-picked-copy]");
    copy.addEventListener("click", () => this.copy(copy));
    const link = one("[data-picked-link]");
    link.addEventListener("click", () => {
      const address = new URL(location.href);
      address.hash = hashOf(selection.range);
      copyFrom(link, address.href, "Copied the link");
    });
    one("[data-picked-clear]").addEventListener("click", () => { selection.clear(); focusLog(); });
  }

  /** Copies the selection; without one, all that is shown. @param {Element|null} button */
  async copy(button) {
    const { api, store, view, selection: { range } } = this.#parts;
    const part = range && { from: range.from, to: Math.min(range.to, store.count) };
    if (range && range.from > store.count || view.streams === "") announce("There is nothing to copy");
    else await copyLog(api, button, part ?? { streams: view.streams }, part ? copiedRange(part) : "Copied the log");
  }
}
