// Renders styles as elements: the 16 colors are classes (the theme's own), all others are the stream's, kept legible.

import { marked } from "../../lib/invisible.js";
import { PLAIN } from "./ansi.js";

/** @typedef {import("./ansi.js").Style} Style */

// The background for the contrast calculation; close to --log-bg of both themes.
const GROUND = luminance(0x12, 0x10, 0x14);
const MIN_CONTRAST = 4.5;
const legible = new Map();
const looks = new Map();

/** @param {Style} style @returns {{name: string, color: string|null, ground: string|null}} */
function look(style) {
  let found = looks.get(style);
  if (found) return found;
  const names = [];
  let color = null;
  let ground = null;
  if (style.bold) names.push("b");
  if (style.dim) names.push("f");
  if (style.italic) names.push("it");
  if (style.underline) names.push("u");
  if (style.strike) names.push("s");
  if (typeof style.fg === "number") names.push(`c${code(style.fg)}`);
  else if (style.fg) { names.push("cx"); color = readable(style.fg); }
  if (style.inverse) names.push("v");
  else if (typeof style.bg === "number") names.push(`g g${code(style.bg)}`);
  else if (style.bg) { names.push("g gx"); ground = style.bg; }
  found = { name: names.join(" "), color, ground };
  looks.set(style, found);
  return found;
}

const code = (n) => (n < 8 ? 30 + n : 82 + n);

/** Lightens a color until it is legible on the log's background. @param {string} hex */
function readable(hex) {
  let made = legible.get(hex);
  if (made) return made;
  let [r, g, b] = [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
  for (let step = 0; step < 12 && (luminance(r, g, b) + 0.05) / (GROUND + 0.05) < MIN_CONTRAST; step += 1) {
    [r, g, b] = [r, g, b].map((v) => Math.round(v + (255 - v) * 0.15));
  }
  made = `rgb(${r} ${g} ${b})`;
  legible.set(hex, made);
  return made;
}

function luminance(r, g, b) {
  const [lr, lg, lb] = [r, g, b].map((v) => {
    const c = v / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb;
}

/**
 * Fills a row's text with its runs and its hits.
 * @param {HTMLElement} host
 * @param {{text: string, runs: (number|Style)[]|null}} line
 * @param {{col: number, len: number, now: boolean}[]} [hits] in order, not overlapping
 */
export function renderText(host, line, hits = []) {
  const { text, runs } = line;
  host.textContent = "";
  if (!runs && !hits.length) {
    marked(host, text);
    return;
  }
  if (!runs) {
    append(host, text, 0, text.length, hits);
    return;
  }
  let from = 0;
  let style = PLAIN;
  for (let i = 0; i <= runs.length; i += 2) {
    const to = i < runs.length ? /** @type {number} */ (runs[i]) : text.length;
    if (to > from) {
      const part = style === PLAIN ? host : host.appendChild(styled(style));
      append(part, text, from, to, hits);
    }
    from = to;
    style = /** @type {Style} */ (runs[i + 1]);
  }
}

function styled(style) {
  const { name, color, ground } = look(style);
  const span = document.createElement("span");
  span.className = name;
  if (color) span.style.setProperty("--c", color);
  if (ground) span.style.setProperty("--g", ground);
  return span;
}

// A hit that runs over several styles becomes several marks.
function append(host, text, from, to, hits) {
  for (const hit of hits) {
    const start = Math.max(from, hit.col);
    const end = Math.min(to, hit.col + hit.len);
    if (start >= end) continue;
    if (start > from) marked(host, text.slice(from, start));
    const mark = document.createElement("mark");
    if (hit.now) mark.className = "now";
    marked(mark, text.slice(start, end));
    host.append(mark);
    from = end;
  }
  if (from < to) marked(host, text.slice(from, to));
}
