// The rows of the list of resources: what one shows, and how it changes while time passes.

import { h, icon, setText } from "../../lib/dom.js";
import { clockTime, exact, span, ticking } from "../../lib/format.js";
import { marked } from "../../lib/invisible.js";
import { elapsed, isOpen, partTook } from "./model.js";

/** @typedef {import("./model.js").Resource} Resource */
/** @typedef {{from: number, to: number, step: number}} Axis */

const ICONS = { waiting: "QUEUED", refreshing: "PROCESSING", running: "PROCESSING", done: "check", failed: "FAILED", unknown: "warn" };

/** What the engine does, and did. @type {Record<string, [string, string]>} */
const ACTIONS = {
  create: ["creating", "created"], update: ["updating", "updated"], delete: ["destroying", "destroyed"], read: ["reading", "read"],
  replace_delete_first: ["replacing", "replaced"], replace_create_first: ["replacing", "replaced"], import: ["importing", "imported"],
  "no-op": ["refreshing", "refreshed"],
};

/** The state in words. @param {Resource} item @param {boolean} isEnded */
export function stateText(item, isEnded) {
  const [doing, done] = ACTIONS[item.action] ?? [item.action, item.action];
  switch (item.state) {
    case "waiting":
      if (isEnded) return "not started";
      return item.waits_for.length ? "waiting" : "waiting for a slot";
    case "running": case "refreshing": return doing;
    case "failed": return `failed while ${doing}`;
    case "unknown": return `${doing}; the log does not show how it ended`;
    default: return done;
  }
}

/** @param {Resource} item @param {{index: number, now: number, axis: Axis|null, isEnded: boolean, isSelected: boolean}} at */
export function makeRow(item, at) {
  const name = h("span", { class: "name", role: "rowheader" }, addressNode(item.address));
  if (item.critical) name.append(h("i", { class: "crit", title: "On the critical path" }, h("span", { class: "sr" }, "on the critical path")));
  const row = h("div", {
    class: "w", role: "row", tabindex: -1, "data-resource": item.address, "data-state": item.state, "data-action": item.action,
    "aria-rowindex": at.index + 1, "aria-selected": String(at.isSelected),
  },
  h("span", { class: "st", role: "gridcell" }, icon(ICONS[item.state] ?? "warn"), h("span", { class: "sr" }, stateText(item, at.isEnded))),
  name, h("span", { class: "took", role: "gridcell" }), h("span", { class: "lane", role: "gridcell" }));
  tick(row, item, at);
  return row;
}

/** Brings what depends on the time up to date. @param {HTMLElement} row @param {Resource} item @param {{now: number, axis: Axis|null, isEnded: boolean}} at */
export function tick(row, item, { now, axis, isEnded }) {
  const took = elapsed(item, now);
  setText(row.querySelector(".took"), took === null ? "" : isOpen(item) ? ticking(took) : span(took));
  const lane = /** @type {HTMLElement} */ (row.querySelector(".lane"));
  const places = axis ? bars(item, axis, now) : [];
  // Also where there is no bar: all rows show one time axis.
  const step = axis ? `${(axis.step / (axis.to - axis.from)) * 100}%` : "100%";
  if (lane.style.getPropertyValue("--tick") !== step) lane.style.setProperty("--tick", step);
  const key = `${item.state} ${item.critical} ${isEnded} ${JSON.stringify(places)} ${item.waits_for[0]}`;
  if (lane.dataset.key === key) return;
  lane.dataset.key = key;
  const parts = places.map(barNode);
  if (places.length && item.critical) parts.push(placed(h("i", { class: "crit-o" }), places[0].left, places.at(-1).left + places.at(-1).width - places[0].left));
  if (item.state === "waiting" && item.waits_for.length && !isEnded) {
    const more = item.waits_for.length > 1 ? ` and ${item.waits_for.length - 1}${item.waits_for.length > 9 ? "+" : ""} more` : "";
    parts.push(h("span", { class: "tip" }, "waits for ", marked(h("code"), item.waits_for[0]), more));
  }
  lane.replaceChildren(...parts);
}

const KINDS = { running: "run", refreshing: "run", failed: "err", unknown: "unknown", done: "done", waiting: "done" };
const PART_WORDS = { delete: "destroying", create: "creating" };

/** @typedef {{kind: string, left: number, width: number, line?: number, what: string}} Bar in percent of the axis */

/** What a row's lane shows: one bar, or one for each part of a replacement. @param {Resource} item @returns {Bar[]} */
function bars(item, axis, now) {
  if (!item.parts?.length) {
    const kind = item.action === "delete" && item.state !== "failed" ? "del" : KINDS[item.state];
    return item.started_at ? [bar(item, axis, elapsed(item, now) ?? 0, kind, "")] : [];
  }
  return item.parts.map((part, i, all) => {
    const isLast = i === all.length - 1;
    const took = partTook(item, part, now) ?? 0;
    const isBad = isLast && (item.state === "failed" || item.state === "unknown");
    const kind = isBad ? KINDS[item.state] : part.action === "delete" ? "del" : isLast ? KINDS[item.state] : "done";
    return bar(part, axis, took, kind, PART_WORDS[part.action] ?? part.action);
  });
}

/** @returns {Bar} */
function bar({ started_at: from, first_line: line }, axis, took, kind, what) {
  const length = axis.to - axis.from;
  const left = Math.max(0, Math.min(100, ((Date.parse(from) - axis.from) / length) * 100));
  const width = Math.max(0, Math.min(100 - left, (took / length) * 100));
  return { kind, left: Math.round(left * 100) / 100, width: Math.round(width * 100) / 100, line, what };
}

/** @param {Bar} bar */
function barNode({ kind, left, width, line, what }) {
  const text = line ? `${what ? `${sentence(what)}: go` : "Go"} to line ${line}` : "No line";
  return placed(h("button", {
    class: "bar-s", type: "button", tabindex: -1, "data-k": kind, "data-line": line, disabled: !line, title: line ? text : null, "aria-label": text,
  }), left, width);
}

// Not as an attribute, which the page's security policy forbids.
function placed(node, left, width) {
  Object.assign(node.style, { left: `${left}%`, width: `${width}%` });
  return node;
}

/** An address with its module dimmed. @param {string} address */
export function addressNode(address) {
  const end = moduleEnd(address);
  return h("span", { class: "addr", title: address }, h("bdi", {},
    end ? marked(h("span", { class: "mod" }), address.slice(0, end)) : null, marked(h("span"), address.slice(end))));
}

/** Where the module's part of an address ends. */
function moduleEnd(address) {
  let end = 0;
  const part = /module\.[^.[]+(?:\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?\./y;
  while (true) {
    part.lastIndex = end;
    if (!part.test(address)) return end;
    end = part.lastIndex;
  }
}

const PART_DONE = { delete: "Destroyed", create: "Created" };

/** What is shown below the selected row. @param {Resource} item @param {boolean} isEnded */
export function makePeek(item, isEnded) {
  const lines = [`${sentence(stateText(item, isEnded))}.`];
  item.parts?.forEach((part, i, all) => {
    const took = part.ended_at ? partTook(item, part, 0) : null;
    if (took !== null && PART_DONE[part.action] && !(item.state === "failed" && i === all.length - 1)) lines.push(`${PART_DONE[part.action]} in ${span(took)}.`);
  });
  if (item.started_at) lines.push(`Began ${exact(Date.parse(item.started_at))}.`);
  if (item.started_at && !item.ended_at && item.state === "done") lines.push("The engine does not print when a refresh ends.");
  if (item.waits_for.length && !isEnded) lines.push(`Waits for ${item.waits_for.join(", ")}.`);
  const line = item.first_line;
  return h("div", { class: "peek-in", role: "gridcell" }, marked(h("p", { title: lines.join(" ") }), lines.join(" ")),
    line ? h("button", { class: "tool", type: "button", "data-line": line }, icon("down", "s"), `Go to line ${line}`) : null);
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1);

/** The labels of the axis. @param {Axis|null} axis @param {number|null} now null after the end */
export function axisLabels(axis, now) {
  if (!axis) return [];
  const length = axis.to - axis.from;
  const labels = [];
  const at = now === null ? null : ((now - axis.from) / length) * 100;
  for (let ms = 0; ms <= length; ms += axis.step) {
    const left = (ms / length) * 100;
    // The label of now takes this one's place.
    if (at !== null && Math.abs(left - at) < (at > 85 ? 16 : 9)) continue;
    const text = axis.step < 1000 ? `${(ms / 1000).toFixed(1)} s` : clockTime(ms);
    labels.push(label(ms === length ? "last" : ms === 0 ? "first" : null, left, text));
  }
  if (at !== null) labels.push(label(`now-l ${at > 85 ? "last" : at < 10 ? "first" : ""}`, at, `now ${clockTime(now - axis.from)}`));
  return labels;
}

function label(name, left, text) {
  const node = h("span", { class: name }, text);
  node.style.left = `${left}%`;
  return node;
}
