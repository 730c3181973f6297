// One row of the log. Rows are made when they come into the window, and thrown away when they leave it.

import { bytes } from "../../lib/format.js";
import { isFolded } from "../text/line.js";
import { renderText } from "../text/styled-text.js";

/** @typedef {import("../text/line.js").Line} Line */

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
  ts.append("");
  ts.appendChild(document.createElement("span")).className = "ms";
  row.appendChild(document.createElement("span")).className = "tx";
  return row;
})());

/**
 * Decoration of a line.
 * @typedef {object} Decor
 * @property {(line: Line) => {col: number, len: number, now: boolean}[]} hits
 * @property {(n: number) => boolean} isSelected
 * @property {(n: number) => boolean} isAt
 * @property {(ms: number) => [string, string]} time
 */

/**
 * @param {Line|null|undefined} line undefined: not loaded; null: missing
 * @param {number|undefined} n where it is known
 * @param {Decor} decor
 * @returns {HTMLElement}
 */
export function makeRow(line, n, decor) {
  const row = /** @type {HTMLElement} */ (shape.content.firstElementChild.cloneNode(true));
  const [gut, tx] = /** @type {Iterable<HTMLElement>} */ (row.children);
  const [no, , ts] = gut.children;
  if (n !== undefined) {
    no.setAttribute("href", `#L${n}`);
    no.textContent = String(n);
  }
  if (line === undefined) {
    row.dataset.wait = "";
    row.setAttribute("aria-busy", "true");
    tx.textContent = "\u00a0";
    return row;
  }
  row.dataset.line = String(n);
  if (!line) {
    row.dataset.missing = "";
    tx.textContent = "This line is missing.";
    return row;
  }
  row.dataset.stream = line.stream;
  if (line.continued) row.dataset.continued = "";
  const [time, rest] = decor.time(line.t);
  ts.firstChild.nodeValue = time;
  ts.lastChild.textContent = rest;
  decorate(row, line, n, decor);
  renderText(tx, line, decor.hits(line));
  if (isFolded(line)) row.append(unfoldButton(line));
  return row;
}

function unfoldButton(line) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "unfold";
  button.dataset.unfold = "";
  button.textContent = `… ${bytes(line.length - line.text.length)} more`;
  button.title = "Show the whole line";
  return button;
}

/** What changes on a mounted row without its text. @param {HTMLElement} row @param {Line|null|undefined} line @param {number} n @param {Decor} decor */
export function decorate(row, line, n, decor) {
  row.toggleAttribute("data-sel", decor.isSelected(n));
  row.toggleAttribute("data-at", decor.isAt(n));
  if (line?.mark) row.dataset.mark = line.mark;
}

/** Redraws the text. @param {HTMLElement} row @param {Line} line @param {Decor} decor */
export function repaint(row, line, decor) {
  const tx = /** @type {HTMLElement} */ (row.children[1]);
  const hits = decor.hits(line);
  if (hits.length || tx.querySelector("mark")) renderText(tx, line, hits);
}
