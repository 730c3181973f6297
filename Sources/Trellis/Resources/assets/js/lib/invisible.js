// Invisible characters, and characters that change the display order of others. They are shown as symbols; the text
// itself, and what a selection copies, stay as they are.

import { h } from "./dom.js";

/** @type {[number, number, string][]} from, to, the symbol for each; the code point if no name is short enough */
const NAMES = [
  [0x00ad, 0x00ad, "SHY"], [0x034f, 0x034f, "CGJ"], [0x061c, 0x061c, "ALM"], [0x115f, 0x1160, "HF"], [0x17b4, 0x17b5, ""], [0x180b, 0x180f, ""],
  [0x200b, 0x200b, "ZWSP"], [0x200c, 0x200c, "ZWNJ"], [0x200d, 0x200d, "ZWJ"], [0x200e, 0x200e, "LRM"], [0x200f, 0x200f, "RLM"],
  [0x2028, 0x2028, "LS"], [0x2029, 0x2029, "PS"],
  [0x202a, 0x202a, "LRE"], [0x202b, 0x202b, "RLE"], [0x202c, 0x202c, "PDF"], [0x202d, 0x202d, "LRO"], [0x202e, 0x202e, "RLO"],
  [0x2060, 0x2060, "WJ"], [0x2061, 0x2065, ""], [0x2066, 0x2066, "LRI"], [0x2067, 0x2067, "RLI"], [0x2068, 0x2068, "FSI"], [0x2069, 0x2069, "PDI"],
  [0x206a, 0x206f, ""], [0x3164, 0x3164, "HF"], [0xfeff, 0xfeff, "BOM"], [0xffa0, 0xffa0, "HF"], [0xfff0, 0xfffb, ""],
  [0x1bca0, 0x1bca3, ""], [0x1d173, 0x1d17a, ""], [0xe0000, 0xe0fff, ""],
];
const hex = (code) => code.toString(16).toUpperCase().padStart(4, "0");
const SET = NAMES.map(([from, to]) => `\\u{${hex(from)}}-\\u{${hex(to)}}`).join("");
// An emoji may be several characters joined by U+200D, and region flags end in tags: those are visible.
const PERSON = "\\p{Extended_Pictographic}[\\u{FE0F}\\p{Emoji_Modifier}]*";
const EMOJI = `\\u{1F3F4}[\\u{E0020}-\\u{E007F}]+|${PERSON}(?:\\u{200D}${PERSON})*`;
const FIND = new RegExp(`(${EMOJI})|([${SET}])`, "gu");
const MAY = new RegExp(`[${SET}]`, "u");

/** The symbol for the character. @param {number} code */
function nameOf(code) {
  const name = NAMES.find(([from, to]) => code >= from && code <= to)?.[2];
  return name || `U+${hex(code)}`;
}

/**
 * Appends `text` to `host`, with symbols for invisible characters.
 * @template {Element} Host
 * @param {Host} host
 * @param {string} text
 * @returns {Host}
 */
export function marked(host, text) {
  if (!MAY.test(text)) {
    host.append(text);
    return host;
  }
  let from = 0;
  for (const found of text.matchAll(FIND)) {
    if (!found[2]) continue;
    if (found.index > from) host.append(text.slice(from, found.index));
    host.append(symbol(found[2]));
    from = found.index + found[2].length;
  }
  if (from < text.length) host.append(text.slice(from));
  return host;
}

// The character stays, isolated in its own box; the style sheet draws the symbol before it, which is not text.
function symbol(character) {
  const code = character.codePointAt(0);
  return h("span", { class: "unseen", "data-name": nameOf(code), title: `Invisible character U+${hex(code)}` }, h("span", {}, character));
}
