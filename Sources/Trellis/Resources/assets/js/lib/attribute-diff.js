// The attributes of one resource: three aligned columns of sign, attribute and value.

import { h, icon } from "./dom.js";
import { Digits, writeExact } from "./exact-json.js";
import { counted } from "./format.js";
import { marked } from "./invisible.js";
import { isSecret, mask } from "./json-view.js";
import { lineDiff, nearChanges } from "./line-diff.js";

/** @typedef {{path: string, key: string, depth: number, action: string, before?: any, after?: any, sensitive: boolean, unknown: boolean, forces?: boolean, write_only?: boolean, cut?: boolean}} Leaf */
/** @typedef {{at: number, path: string, key: string, depth: number, kind: string, action: string}} Heading */
/** @typedef {{diff: Leaf[], outline: Heading[], unchanged: number, import_id?: string, cut?: string[]}} Detail */

const SIGN = { create: "+", delete: "-", update: "~", "no-op": "" };
const SAID = { create: "added: ", delete: "removed: ", update: "changed: ", "no-op": "" };
const KINDS = { map: "map", list: "list", blocks: "nested block", sorted: "set, or list in order", json: "JSON in a string, compared by structure", yaml: "YAML in a string, compared by structure" };

/**
 * Leaves and headings in the order in which they are shown.
 * @param {Pick<Detail, "diff"|"outline">} detail
 * @param {boolean} withSame also what does not change
 * @returns {{leaf?: Leaf, heading?: Heading, isBare: boolean}[]} isBare: an element that has no name
 */
export function rowsOf({ diff, outline }, withSame) {
  const all = [];
  let next = 0;
  diff.forEach((leaf, i) => {
    while (next < outline.length && outline[next].at <= i) all.push({ heading: outline[next++] });
    all.push({ leaf });
  });
  // From the end, to know which headings have something below them.
  const shown = [];
  let deeper = 0;
  for (const row of all.reverse()) {
    const depth = (row.leaf ?? row.heading).depth;
    if (row.leaf ? !withSame && row.leaf.action === "no-op" && !row.leaf.write_only : deeper <= depth) continue;
    deeper = depth;
    shown.push(row);
  }
  shown.reverse();
  const kinds = [];
  for (const row of shown) {
    const { depth } = row.leaf ?? row.heading;
    row.isBare = kinds[depth - 1] === "sorted";
    kinds.length = depth;
    kinds[depth] = row.heading?.kind;
  }
  return shown;
}

/** A value as the engine writes it. @param {any} value */
export function valueText(value) {
  if (value instanceof Digits) return value.text;
  return value !== null && typeof value === "object" ? writeExact(value) : JSON.stringify(value);
}

const isText = (value) => typeof value === "string" && value.includes("\n");
/** Whether the leaf is compared line by line. @param {Leaf} leaf */
export const isLines = (leaf) => !leaf.sensitive && !leaf.unknown && (isText(leaf.before) || isText(leaf.after))
  && [leaf.before, leaf.after].every((value) => value === undefined || value === null || typeof value === "string");

const secret = () => mask();
const unknown = () => h("span", { class: "u", text: "(known after apply)" });
const arrow = () => h("span", { class: "to", text: "→" });

function value(of, tag) {
  if (isSecret(of)) return secret();
  return marked(h(tag), valueText(of));
}

/** @param {Leaf} leaf @returns {(Node|string)[]} */
function values(leaf) {
  const { action, before, after, sensitive } = leaf;
  if (leaf.write_only) return [h("span", { class: "u", text: "(write-only)" })];
  if (sensitive) {
    if (action === "update") return [secret(), arrow(), leaf.unknown ? unknown() : secret(), " ", h("span", { class: "cm", text: "value changes" })];
    return [action === "create" && leaf.unknown ? unknown() : secret()];
  }
  const old = before === undefined ? null : value(before, action === "no-op" ? "span" : "del");
  const now = leaf.unknown ? unknown() : after === undefined ? null : value(after, "ins");
  if (action === "no-op") return [old ?? now ?? ""];
  if (action === "create") return [now ?? ""];
  if (action === "delete") return [old ?? "", ...(after === null ? [arrow(), h("span", { class: "p", text: "null" })] : [])];
  return [old ?? "", arrow(), now ?? ""];
}

function row(action, depth, key, ...content) {
  const sign = SIGN[action] ?? "";
  const node = h("div", { class: "d", "data-d": sign },
    h("i", { "aria-hidden": "true", text: sign === "-" ? "−" : sign }),
    h("span", { class: "k" }, h("span", { class: "sr", text: SAID[action] ?? "" }), key), h("span", { class: "v" }, ...content));
  node.style.setProperty("--in", String(Math.max(0, depth - 1)));
  return node;
}

function lineRow(entry) {
  if (typeof entry === "number") return h("div", { class: "d wide" }, h("i"), h("span", { class: "v cm", text: `${counted(entry, "line")} the same` }));
  return h("div", { class: "d wide", "data-d": entry.sign },
    h("i", { "aria-hidden": "true", text: entry.sign === "-" ? "−" : entry.sign }),
    h("span", { class: "v" }, h("span", { class: "sr", text: entry.sign === "-" ? "removed: " : entry.sign ? "added: " : "" }),
      h("span", { class: "ln-no", "aria-hidden": "true", text: String(entry.old ?? "") }), h("span", { class: "ln-no", "aria-hidden": "true", text: String(entry.now ?? "") }),
      marked(h("span"), entry.text)));
}

const label = (text) => marked(h("span"), text);

/** @param {Leaf} leaf @param {boolean} isBare @returns {HTMLElement[]} */
function leafRows(leaf, isBare) {
  const tags = [];
  if (leaf.forces) tags.push(h("em", { class: "force", text: "forces replacement" }));
  if (leaf.cut) tags.push(" ", h("span", { class: "cm", text: "shortened" }));
  const key = label(isBare ? "" : leaf.key);
  if (!isLines(leaf)) return [row(leaf.action, leaf.depth, key, ...values(leaf), ...tags)];
  const lines = nearChanges(lineDiff(leaf.before ?? "", leaf.after ?? "").filter((line) => leaf.action === "update" || line.text || line.sign !== (leaf.action === "create" ? "-" : "+")));
  const shown = leaf.action === "no-op" ? [] : lines;
  return [row(leaf.action, leaf.depth, key, h("span", { class: "cm", text: leaf.action === "no-op" ? counted(leaf.before.split("\n").length, "line") : "text, compared by line" }), ...tags),
    ...shown.map(lineRow)];
}

/**
 * @param {Pick<Detail, "diff"|"outline"|"unchanged">} detail
 * @param {() => void} resized its height changed
 */
export function diffView(detail, resized) {
  const box = h("div", { class: "diff" });
  const draw = (withSame) => {
    box.replaceChildren(...rowsOf(detail, withSame).flatMap(({ leaf, heading, isBare }) => (leaf ? leafRows(leaf, isBare)
      : [row(heading.action, heading.depth, label(isBare ? "" : heading.key), h("span", { class: "cm", text: KINDS[heading.kind] ?? heading.kind }))])));
    const kept = detail.diff.filter((leaf) => leaf.action === "no-op" && !leaf.write_only).length;
    if (!kept) return;
    box.append(h("button", { class: "same", type: "button", "aria-expanded": String(withSame), on: { click: () => {
      draw(!withSame);
      /** @type {HTMLElement} */ (box.lastElementChild).focus({ preventScroll: true });
      resized();
    } } }, icon("expand", "s"), `${withSame ? "Hide" : "Show"} ${counted(kept, "unchanged attribute")}`));
  };
  draw(false);
  return box;
}
