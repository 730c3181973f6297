// Counts of resources: what a plan would do, or an apply has done.

import { h } from "./dom.js";
import { count } from "./format.js";

/** @typedef {{add: number, change: number, destroy: number}} Changes */

/** `12 to add, 2 to change, 1 to destroy` @param {Changes} changes */
export function plannedText({ add, change, destroy }) {
  return `${count(add)} to add, ${count(change)} to change, ${count(destroy)} to destroy`;
}

/** The same in colours, for a narrow place. @param {Changes|null} changes @returns {Node[]} */
export function deltas(changes) {
  if (!changes) return [];
  return [
    h("span", { class: "add" }, `+${count(changes.add)} add`),
    h("span", { class: "chg" }, `~${count(changes.change)} change`),
    h("span", { class: "del" }, `−${count(changes.destroy)} destroy`),
  ];
}
