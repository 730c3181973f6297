// The rows of the list of changes: headings of groups, resources, outputs and checks.

import { copyFrom } from "../../lib/copy.js";
import { h, icon } from "../../lib/dom.js";
import { count } from "../../lib/format.js";
import { marked } from "../../lib/invisible.js";
import { asMarkdown } from "./copy.js";
import { diffView } from "../../lib/attribute-diff.js";
import { groupOf, sign, splitAddress, why, whyText, word } from "./words.js";

/** @typedef {import("./words.js").Change} Change */
/** @typedef {{key: string, group: import("./words.js").Group, count?: number, change?: Change, output?: any, check?: any, isHead?: boolean, mark?: string, base?: {n: number, job: string}}} Row */

/**
 * @typedef {object} Page what the rows ask for
 * @property {(row: Row) => boolean} isOpen
 * @property {(row: Row, open: boolean) => void} toggled
 * @property {(row: Row) => Promise<any>} detail
 * @property {(row: Row) => Promise<any>} baseDetail of the earlier plan
 * @property {() => void} resized
 * @property {(row: Row) => string} link
 * @property {(row: Row) => boolean} isMarked the address names it
 */

/** @param {Row} row @returns {HTMLElement} */
export function headRow({ group, count: n }) {
  return h("div", { class: "grp-head", "data-group": group.name, "data-harm": group.isHarm },
    h("h2", { text: group.title }), n === undefined ? null : h("span", { class: "n", text: count(n) }), h("span", { class: "say", text: group.say }));
}

const code = (text) => marked(h("code"), text);

function reason(change) {
  const { harm, names, text } = why(change);
  const node = h("span", { class: "why" }, h("span", { class: "sr", text: `${word(change.action)}: ` }));
  if (harm) node.append(h("span", { class: "harm", text: harm }), " ");
  names.forEach((name, i) => node.append(i ? ", " : "", code(name)));
  if (text) node.append(names.length ? " " : "", marked(h("span"), text));
  node.title = whyText(change);
  return node;
}

function address(change) {
  const [module, rest] = splitAddress(change);
  return h("code", { class: "addr", title: change.address },
    h("bdi", {}, module ? marked(h("span", { class: "mod" }), module) : null, marked(h("span"), rest)));
}

const glyph = (action, group) => h("span", { class: "glyph", "data-a": group, "aria-hidden": "true", text: sign(action) });

function factsOf(change, detail) {
  const facts = [];
  const fact = (name, ...content) => facts.push(h("span", {}, icon(name, "s"), ...content));
  if (change.action === "replace_delete_first") fact("order", "Delete, then create");
  if (change.action === "replace_create_first") fact("order", "Create, then delete");
  if (change.previous_address) fact("move", "Moved from ", code(change.previous_address));
  if (detail.import_id !== undefined) fact("import", "Imported with the ID ", code(detail.import_id));
  if (change.drift) fact("drift", "Changed outside of this vine");
  for (const leaf of detail.diff) {
    if (leaf.path === "skip_final_snapshot" && leaf.before === true && /^(replace|delete)/.test(change.action)) {
      facts.push(h("span", {}, icon("warn", "s"), "No final snapshot is taken: ", code("skip_final_snapshot = true")));
    }
  }
  if (detail.cut?.length) facts.push(h("span", {}, icon("warn", "s"), "Some attributes are left out: there are too many, or they are too large"));
  return facts;
}

/** @param {Row} row @param {Page} page */
function openPart(row, page) {
  const { change } = row;
  const box = h("div", { class: "open" });
  const fill = async () => {
    box.replaceChildren(h("p", { class: "facts-in", text: "Loading attributes…" }));
    try {
      const [detail, base] = await Promise.all([page.detail(row), row.base ? page.baseDetail(row) : null]);
      const copy = h("button", { class: "icon-btn", type: "button", "aria-label": "Copy as Markdown", title: "Copy as Markdown" }, icon("copy", "s"));
      copy.addEventListener("click", () => copyFrom(copy, asMarkdown([change], () => detail), "Copied as Markdown"));
      const link = h("button", { class: "icon-btn", type: "button", "aria-label": "Copy link to this resource", title: "Copy link to this resource" }, icon("link", "s"));
      link.addEventListener("click", () => copyFrom(link, page.link(row), "Copied the link"));
      const parts = [];
      if (base) parts.push(h("h3", { class: "side", text: "Reviewed" }), base.diff.length ? diffView(base, page.resized) : h("p", { class: "facts-in", text: "No attributes." }), h("h3", { class: "side", text: "Now" }));
      parts.push(detail.diff.length ? diffView(detail, page.resized) : h("p", { class: "facts-in", text: change.action === "forget" ? "The object stays as it is." : "No attributes to show." }));
      box.replaceChildren(h("div", { class: "facts-in" }, h("span", { class: "end" }, copy, link), ...factsOf(change, detail)), ...parts);
    } catch (error) {
      box.replaceChildren(h("p", { class: "facts-in" }, error instanceof Error ? error.message : String(error), " ",
        h("button", { class: "link-btn", type: "button", on: { click: fill } }, "Try again")));
    }
    page.resized();
  };
  fill();
  return box;
}

/** @param {Row} row @param {Page} page @returns {HTMLElement} */
export function resourceRow(row, page) {
  const { change, group } = row;
  const details = /** @type {HTMLDetailsElement} */ (h("details", {
    class: "res", "data-key": row.key, "data-resource": change.address, "data-action": change.action, "data-at": page.isMarked(row),
  }, h("summary", { tabindex: "-1" }, icon("chev", "s"), glyph(change.action, groupOf(change.action)), address(change),
    h("span", { class: "why-box" }, row.mark ? h("span", { class: "new", text: row.mark }) : null, reason(change)))));
  if (group.isHarm) details.dataset.harm = "";
  return opening(details, row, page, () => openPart(row, page));
}

/** @param {Row} row @param {Page} page @returns {HTMLElement} */
export function outputRow(row, page) {
  const { output } = row;
  const details = /** @type {HTMLDetailsElement} */ (h("details", { class: "res", "data-key": row.key, "data-output": output.name, "data-action": output.action },
    h("summary", { tabindex: "-1" }, icon("chev", "s"), glyph(output.action, output.action), h("code", { class: "addr" }, marked(h("bdi"), output.name)),
      h("span", { class: "why-box" }, h("span", { class: "why", text: output.cut ? "too large to show whole" : word(output.action) })))));
  return opening(details, row, page, () => h("div", { class: "open" }, output.diff?.length
    ? diffView({ diff: output.diff, outline: output.outline ?? [], unchanged: 0 }, page.resized) : h("p", { class: "facts-in", text: "No values to show." })));
}

/** @param {Row} row @returns {HTMLElement} */
export function checkRow({ key, check }) {
  const word = { fail: "failed", error: "could not be evaluated", unknown: "known after apply" }[check.status] ?? check.status;
  return h("div", { class: "res check", "data-key": key, "data-check": check.address, "data-status": check.status },
    h("div", { class: "vrow" }, icon(check.status === "unknown" ? "time" : "warn", "s"), h("code", { class: "addr" }, marked(h("bdi"), check.address)),
      h("span", { class: "why-box" }, marked(h("span", { class: "why" }), [word, ...check.problems].join(": ")))));
}

// What is in it is made when it opens, and again when the row is mounted again.
function opening(details, row, page, make) {
  const sync = () => {
    details.querySelector(".open")?.remove();
    if (details.open) details.append(make());
  };
  details.open = page.isOpen(row);
  if (details.open) sync();
  details.addEventListener("toggle", () => {
    if (page.isOpen(row) === details.open) return;
    page.toggled(row, details.open);
    sync();
    page.resized();
  });
  return details;
}
