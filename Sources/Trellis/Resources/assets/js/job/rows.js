// One row of the log. Rows are made when they come into the window, and thrown away when they leave it.

import { timeOfDay } from "../lib/format.js";
import { paint } from "./paint.js";

/** @typedef {import("./store.js").Line} Line */

const shape = document.createElement("template");
shape.content.append((() => {
  const row = document.createElement("div");
  row.className = "ln";
  const gut = row.appendChild(document.createElement("span"));
  gut.className = "gut";
  const no = gut.appendChild(document.createElement("a"));
  no.className = "no";
  no.tabIndex = -1;
  gut.appendChild(document.createElement("i")).className = "st";
  const ts = gut.appendChild(document.createElement("time"));
  ts.className = "ts";
  ts.append("", document.createElement("span"));
  ts.lastChild.className = "ms";
  row.appendChild(document.createElement("span")).className = "tx";
  return row;
})());

/**
 * What else is known of a line when it is drawn.
 * @typedef {object} Decor
 * @property {(line: Line) => {col: number, len: number, now: boolean}[]} hits
 * @property {(n: number) => boolean} isSelected
 * @property {(n: number) => boolean} isAt
 */

/** @param {Line|undefined} line @param {number} n @param {Decor} decor @returns {HTMLElement} */
export function makeRow(line, n, decor) {
  const row = /** @type {HTMLElement} */ (shape.content.firstElementChild.cloneNode(true));
  const [gut, tx] = row.children;
  const [no, , ts] = gut.children;
  row.dataset.line = String(n);
  no.setAttribute("href", `#L${n}`);
  no.textContent = String(n);
  if (!line) {
    row.dataset.missing = "";
    tx.textContent = "This line has not arrived.";
    return row;
  }
  row.dataset.stream = line.stream;
  if (line.continued) row.dataset.continued = "";
  const [time, ms] = timeOfDay(line.t);
  ts.firstChild.nodeValue = time;
  ts.lastChild.textContent = ms;
  decorate(row, line, n, decor);
  paint(tx, line, decor.hits(line));
  return row;
}

/** What changes on a mounted row without its text. @param {HTMLElement} row @param {Line|undefined} line @param {number} n @param {Decor} decor */
export function decorate(row, line, n, decor) {
  row.toggleAttribute("data-sel", decor.isSelected(n));
  row.toggleAttribute("data-at", decor.isAt(n));
  if (line?.mark) row.dataset.mark = line.mark;
}

/** Draws the text anew. @param {HTMLElement} row @param {Line} line @param {Decor} decor */
export function repaint(row, line, decor) {
  paint(/** @type {HTMLElement} */ (row.lastElementChild), line, decor.hits(line));
}
