// The rows of the list of resources: what one shows, and how it changes while time passes.

import { h, icon, setText } from "../../lib/dom.js";
import { clockTime, exact, span, ticking } from "../../lib/format.js";
import { marked } from "../../lib/invisible.js";
import { elapsed, isOpen } from "./model.js";

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
  const place = axis && barPlace(item, axis, now);
  // Also where there is no bar: all rows show one time axis.
  const step = axis ? `${(axis.step / (axis.to - axis.from)) * 100}%` : "100%";
  if (lane.style.getPropertyValue("--tick") !== step) lane.style.setProperty("--tick", step);
  const key = `${item.state} ${item.action} ${item.critical} ${isEnded} ${place?.join(" ")} ${item.waits_for[0]} ${item.first_line}`;
  if (lane.dataset.key === key) return;
  lane.dataset.key = key;
  const parts = [];
  if (place) parts.push(...bars(item, place));
  if (item.state === "waiting" && item.waits_for.length && !isEnded) {
    const more = item.waits_for.length > 1 ? ` and ${item.waits_for.length - 1}${item.waits_for.length > 9 ? "+" : ""} more` : "";
    parts.push(h("span", { class: "tip" }, "waits for ", marked(h("code"), item.waits_for[0]), more));
  }
  lane.replaceChildren(...parts);
}

/** From where to where a bar goes, in percent. @returns {[number, number]|null} */
function barPlace(item, axis, now) {
  if (!item.started_at) return null;
  const length = axis.to - axis.from;
  const from = Date.parse(item.started_at);
  const took = elapsed(item, now) ?? 0;
  const left = Math.max(0, Math.min(100, ((from - axis.from) / length) * 100));
  const width = Math.max(0, Math.min(100 - left, (took / length) * 100));
  return [Math.round(left * 100) / 100, Math.round(width * 100) / 100];
}

const KINDS = { running: "run", refreshing: "run", failed: "err", unknown: "unknown", done: "done", waiting: "done" };

/** @param {Resource} item @param {number[]} place */
function bars(item, [left, width]) {
  const kind = item.action === "delete" && item.state !== "failed" ? "del" : KINDS[item.state];
  const line = item.first_line;
  const bar = h("button", {
    class: "bar-s", type: "button", tabindex: -1, "data-k": kind, "data-line": line, disabled: !line,
    title: line ? `Go to line ${line}` : null, "aria-label": line ? `Go to line ${line}` : "No line",
  });
  const nodes = item.critical ? [bar, h("i", { class: "crit-o" })] : [bar];
  // Not as an attribute, which the page's security policy forbids.
  for (const node of nodes) Object.assign(node.style, { left: `${left}%`, width: `${width}%` });
  return nodes;
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

/** What is shown below the selected row. @param {Resource} item @param {boolean} isEnded */
export function makePeek(item, isEnded) {
  const lines = [`${sentence(stateText(item, isEnded))}.`];
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
