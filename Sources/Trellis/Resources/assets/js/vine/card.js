// What the cards of a vine's page have in common.

import { all, one } from "../lib/dom.js";
import { count } from "../lib/format.js";

/** @param {string} name */
export const cardOf = (name) => one(`[data-card="${name}"]`);

/**
 * Shows a sentence instead of the card's list, or the list.
 * @param {any} card @param {string} text "" for the list
 */
export function say(card, text) {
  const note = one("[data-note]", card);
  note.hidden = !text;
  note.textContent = text;
  for (const list of all("[data-list], [data-scroll]", card)) list.hidden = Boolean(text);
}

/** @param {any} card @param {number|null} n */
export function setCount(card, n) {
  one("[data-count]", card).textContent = n === null ? "" : count(n);
}

/** Why there is no state to show; "" where there is one. */
export function whyNone(newest, vine) {
  if (vine.state_kept_by) return `The state is kept by ${vine.state_kept_by}, not by Vintner.`;
  return newest ? "" : "There is no state yet. The first apply writes one.";
}
