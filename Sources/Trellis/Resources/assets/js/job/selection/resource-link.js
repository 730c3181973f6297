// A selected line of the engine names its resource, and leads to it.

import { one } from "../../lib/dom.js";

const BUTTON = "[data-picked-resource]";
const KEY = String.raw`(?:\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?`;
const PART = String.raw`[^\s:",.[\]]+${KEY}`;
const LINE = new RegExp(String.raw`^(${PART}(?:\.${PART})+)(?: \([^)]*\))?: `);

/** The address at the beginning of an engine's line; null for any other line. @param {string} text */
export function addressOf(text) {
  return LINE.exec(text.slice(0, 8192))?.[1] ?? null;
}

/**
 * @param {import("../viewer/log-panel.js").LogPanel} panel
 * @param {(address: string) => void} show
 */
export function startResourceLink(panel, show) {
  const button = one(BUTTON);
  let address = null;
  button.addEventListener("click", () => { if (address) show(address); });
  panel.onSelection = () => {
    const { range } = panel.selection;
    const line = range && range.from === range.to ? panel.view.line(range.from) : null;
    address = line ? addressOf(line.text) : null;
    button.hidden = !address;
    button.title = address ?? "";
  };
}
