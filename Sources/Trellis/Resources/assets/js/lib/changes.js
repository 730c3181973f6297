// Counts of a plan, or of what an apply has done: resources, and what changes without touching one.

import { h } from "./dom.js";
import { count } from "./format.js";

/** @typedef {{add: number, change: number, destroy: number, import?: number, move?: number, forget?: number, outputs?: number, drift?: number}} Changes */

/** @type {[keyof Changes, (n: string, isOne: boolean) => string, (n: string, isOne: boolean) => string, (n: string, isOne: boolean) => string, string][]} planned, done, in a narrow place, class */
const KINDS = [
  ["import", (n) => `${n} to import`, (n) => `${n} imported`, (n) => `↓${n} import`, "imp"],
  ["add", (n) => `${n} to add`, (n) => `${n} added`, (n) => `+${n} add`, "add"],
  ["change", (n) => `${n} to change`, (n) => `${n} changed`, (n) => `~${n} change`, "chg"],
  ["destroy", (n) => `${n} to destroy`, (n) => `${n} destroyed`, (n) => `−${n} destroy`, "del"],
  ["forget", (n) => `${n} to forget`, (n) => `${n} forgotten`, (n) => `×${n} forget`, "del"],
  ["move", (n) => `${n} moved`, (n) => `${n} moved`, (n) => `→${n} move`, "imp"],
  ["outputs", (n, isOne) => `${n} ${isOne ? "output changes" : "outputs change"}`,
    (n, isOne) => `${n} ${isOne ? "output" : "outputs"} changed`, (n, isOne) => `${n} ${isOne ? "output" : "outputs"}`, "chg"],
  ["drift", (n) => `${n} to update in the state`, (n) => `${n} updated in the state`, (n) => `${n} in state`, "imp"],
];
const USUAL = new Set(["add", "change", "destroy"]);

/** True where nothing at all changes: an import, a move or an output alone is a change. @param {Changes} changes */
export const isNothing = (changes) => KINDS.every(([name]) => !changes[name]);

/** The usual three are there even at 0, unless something else is all there is. @param {Changes} changes */
function shown(changes) {
  const hasUsual = [...USUAL].some((name) => changes[name]) || isNothing(changes);
  return KINDS.filter(([name]) => changes[name] || hasUsual && USUAL.has(name)).map((kind) => {
    const n = changes[kind[0]] ?? 0;
    return { kind, n, text: count(n), isOne: n === 1 };
  });
}

/** `12 to add, 2 to change, 1 to destroy`; `1 to import, 2 outputs change` @param {Changes} changes */
export const plannedText = (changes) => shown(changes).map(({ kind, text, isOne }) => kind[1](text, isOne)).join(", ");

/** `12 added, 2 changed, 1 destroyed` @param {Changes} changes */
export const doneText = (changes) => shown(changes).map(({ kind, text, isOne }) => kind[2](text, isOne)).join(", ");

/** The same in colors, for a narrow place. @param {Changes|null} changes @returns {Node[]} */
export function deltas(changes) {
  if (!changes) return [];
  return shown(changes).map(({ kind, n, text, isOne }) => h("span", { class: n ? kind[4] : `${kind[4]} zero` }, kind[3](text, isOne)));
}
