// The row cursor: moved by keys, and placed on the target line.

import { announce, showError } from "../../lib/toast.js";

export class Cursor {
  #parts;
  /** Its line; 0 for none. */
  line = 0;

  /**
   * @param {object} parts
   * @param {import("../feed/log-api.js").LogApi} parts.api
   * @param {import("../feed/store.js").LineStore} parts.store
   * @param {import("./view.js").LineView} parts.view
   * @param {import("./window.js").LogWindow} parts.window
   * @param {import("./log-panel.js").LogPanel} parts.panel
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {number} n */
  set(n) {
    this.line = n;
    this.#parts.window.rows.redecorate();
  }

  /** @param {number} by rows @param {{select?: boolean}} options */
  move(by, { select = false } = {}) {
    const { view, window, panel } = this.#parts;
    const total = view.length;
    if (!total) return;
    const before = this.line;
    const at = before ? view.rowOf(before) : undefined;
    let row;
    if (at !== undefined) row = at + by;
    else row = panel.follow.pinned ? total - 1 : window.top().row + (by > 0 ? 0 : window.pageRows - 1);
    row = Math.max(0, Math.min(total - 1, row));
    const n = view.lineAt(row);
    if (n === undefined) return;
    if (by < 0) panel.follow.unpin();
    this.line = n;
    if (select) panel.selection.extend(before || n, n);
    if (!window.isInView(row)) window.showRow(row, by < 0 ? 0.05 : 0.95);
    window.rows.redecorate();
    panel.redraw();
    announce(announcementFor(n, view.line(n)));
  }

  /** Selects its row. */
  pick() {
    if (!this.line) return;
    const { selection, follow } = this.#parts.panel;
    follow.unpin();
    selection.clear();
    selection.select(this.line, this.line);
  }

  /** To the next or the previous error or warning, from here or the view. @param {"error"|"warning"} kind @param {1|-1} by */
  step(kind, by) {
    const { store: { outline }, panel } = this.#parts;
    const here = outline.of(kind).includes(this.line) ? this.line : panel.topLine() - (by > 0 ? 1 : 0);
    const next = outline.next(kind, here, by);
    if (next) this.goTo(next);
    else announce(`No ${kind}s in this log`);
  }

  /** Goes to a line, even if its stream is hidden. @param {number} n */
  async goTo(n) {
    const { api, view, panel } = this.#parts;
    let line = view.line(n);
    try {
      line ??= await api.whole(n);
    } catch (error) {
      showError(error);
      return;
    }
    if (line && !view.shows(line.stream)) panel.display.setStream(line.stream, true);
    this.set(n);
    panel.reveal(n);
    panel.focus();
    announce(announcementFor(n, line), { urgent: true });
  }
}

function announcementFor(n, line) {
  if (!line) return `Line ${n}`;
  return `Line ${n}${line.stream === "STDOUT" ? "" : `, ${line.stream.toLowerCase()}`}: ${(line.text.length > 300 ? `${line.text.slice(0, 299)}…` : line.text) || "empty"}`;
}
