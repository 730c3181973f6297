// The audit log: its events, and whether its chain is whole.

import "../account.js";
import { get } from "../lib/api.js";
import { h, icon, isField, one } from "../lib/dom.js";
import { agoTime, count, exact, shortId, startTimes } from "../lib/format.js";
import { drawNothing, drawRows, filterSoon, keepPlace, LiveList } from "../lib/list.js";
import { pollWhileVisible } from "../lib/timing.js";

// Filters that come from links: they have no field.
const LINKED = { request_id: "Request", job_id: "Job", vine_id: "Vine", resource: "Resource" };
const DAY = 86_400_000;

const form = /** @type {HTMLFormElement} */ (one("[data-filters]"));
/** @type {Record<string, string>} */
const linked = {};

/** What the address shows. @returns {Record<string, string>} */
const filters = () => ({
  actor: form.elements.actor.value.trim(), action: form.elements.action.value, outcome: form.elements.outcome.value,
  since: form.elements.since.value, until: form.elements.until.value, ...linked,
});

/** The start of a day in the viewer's time zone. @param {string} day */
const startOf = (day) => new Date(`${day}T00:00:00`).getTime();

/** What the API is asked for: moments instead of days. */
function question() {
  const { since, until, ...rest } = filters();
  return { ...rest, since: since ? startOf(since) : "", until: until ? startOf(until) + DAY : "" };
}

function readAddress() {
  const asked = new URLSearchParams(location.search);
  for (const name of ["actor", "action", "outcome", "since", "until"]) {
    const field = form.elements[name];
    const value = asked.get(name) ?? "";
    // An action of a part of Vintner that the page does not know.
    if (name === "action" && value && ![...field.options].some((option) => option.value === value)) field.append(h("option", {}, value));
    field.value = value;
  }
  for (const name of Object.keys(LINKED)) {
    delete linked[name];
    const value = asked.get(name);
    if (value) linked[name] = value;
  }
}

readAddress();
const list = new LiveList("/api/audit", { every: 5000, filter: question });
const opened = new Set();
let status = null;

const OUTCOMES = { ALLOWED: ["check", "ok"], DENIED: ["lock", "warn"], FAILED: ["FAILED", "err"] };
const WHO = { USER: "user", TOKEN: "keys", TENDRIL: "tendril", SYSTEM: "disk" };

/** A link to this page with one filter. */
const only = (name, value, text) => h("a", { href: `/dashboard/audit?${name}=${encodeURIComponent(value)}` }, text);

const isBad = (event) => Boolean(status?.problem && event.number === status.problem.number);

function outcomeOf(event) {
  if (isBad(event)) return h("span", { class: "outcome err" }, icon("warn", "s"), status.problem.kind);
  const [name, tone] = OUTCOMES[event.outcome] ?? ["warn", "err"];
  return h("span", { class: `outcome ${tone}` }, icon(name, "s"), event.outcome);
}

/** On what, in a few words. */
const subject = (event) => event.resource_name ?? (event.resource_id ? `${event.resource_kind} ${shortId(event.resource_id)}` : event.reason ?? "–");

/** @param {[string, any][]} pairs those without a value are left out */
const facts = (pairs) => h("dl", { class: "ev-facts" }, ...pairs.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

function details(event) {
  const source = event.actor_source ? `, through ${event.actor_source}` : "";
  const changes = Object.keys(event.changes).length ? h("pre", { tabindex: "0", role: "group", "aria-label": "Facts and changes" }, JSON.stringify(event.changes, null, 2)) : null;
  return h("div", { class: "ev-body" },
    h("div", {}, h("h2", {}, "What happened"), facts([
      ["Time", exact(Date.parse(event.at))],
      ["Who", h("span", {}, only("actor", event.actor_name, event.actor_name), source)],
      ["Roles", event.roles.join(", ")],
      ["From", event.ip],
      ["Request", event.request_id ? only("request_id", event.request_id, h("code", {}, event.request_id)) : null],
      ["On", event.resource_id ? h("span", {}, `${event.resource_kind} `, only("resource", event.resource_id, h("code", {}, event.resource_id))) : null],
      ["Job", event.job_id ? h("span", {}, h("a", { class: "mono", href: `/dashboard/jobs/${event.job_id}` }, shortId(event.job_id)), ", ", only("job_id", event.job_id, "its events")) : null],
      ["Vine", event.vine_id ? only("vine_id", event.vine_id, h("code", {}, shortId(event.vine_id))) : null],
      ["Reason", event.reason],
    ])),
    h("div", {}, changes ? h("h2", {}, "Facts and changes") : null, changes, h("h2", {}, "Place in the chain"),
      event.number ? facts([["Event", count(event.number)], ["Hash", h("code", {}, event.hash)], ["Previous", h("code", {}, event.prev_hash)]])
        : h("p", { class: "dim" }, "Not sealed yet.")));
}

function makeRow(event) {
  const node = /** @type {HTMLDetailsElement} */ (h("details", { class: isBad(event) ? "ev bad" : "ev", open: opened.has(event.id) },
    h("summary", {}, icon("chev", "s"), h("time", { class: "ev-at", datetime: event.at, title: exact(Date.parse(event.at)) }, exact(Date.parse(event.at)).replace(/\.\d+ .*$/, "")),
      h("span", { class: "ev-who" }, icon(WHO[event.actor_kind] ?? "user", "s"), event.actor_name),
      h("code", { class: "ev-act" }, event.action), h("span", { class: "ev-on" }, subject(event)), outcomeOf(event), h("span", { class: "ev-ip dim" }, event.ip ?? "–"))));
  // Details are made when they are first looked at: a list may have thousands of events.
  const fill = () => { if (node.children.length === 1) node.append(details(event)); };
  if (opened.has(event.id)) fill();
  node.addEventListener("toggle", () => {
    if (node.open) { opened.add(event.id); fill(); } else opened.delete(event.id);
  });
  return node;
}

function drawFilters() {
  const set = Object.entries(linked);
  const host = one("[data-picked-filters]");
  host.hidden = !set.length;
  host.replaceChildren(...set.map(([name, value]) => h("button", { class: "btn small", type: "button", "aria-label": `Remove the filter ${LINKED[name]} ${value}`, on: { click: () => { delete linked[name]; drawFilters(); filter(); } } },
    `${LINKED[name]} `, h("code", {}, value.length > 20 ? shortId(value) : value), icon("x", "s"))));
  one("[data-clear]").hidden = !Object.values(filters()).some(Boolean);
}

function draw() {
  drawRows(one("[data-rows]"), list.items, (event) => JSON.stringify([event, isBad(event)]), makeRow);
  one("[data-more]").hidden = !list.cursor;
  const isFiltered = Object.values(filters()).some(Boolean);
  drawNothing(list.isEmpty, isFiltered
    ? [h("p", {}, "No event matches these filters."), h("button", { class: "btn", type: "button", on: { click: clear } }, "Show all events")]
    : [icon("verified"), h("p", {}, "No events yet."), h("p", { class: "dim" }, "Every change, every read of a state and every refused request appears here.")]);
}

const filter = filterSoon(list, filters, "event");

function clear() {
  for (const name of Object.keys(linked)) delete linked[name];
  for (const name of ["actor", "action", "outcome", "since", "until"]) form.elements[name].value = "";
  drawFilters();
  filter();
  form.elements.actor.focus();
}

// ---- the chain

const numberOf = (end) => Number(end.split(":")[0]);

function drawStatus() {
  const { problem, verified_number: verified, verified_at: at, found_at: found } = status;
  const head = numberOf(status.head);
  const base = numberOf(status.base);
  const broken = one("[data-broken]");
  const key = problem ? `${problem.kind}:${problem.number}` : "";
  if (broken.dataset.key !== key) {
    broken.dataset.key = key;
    broken.replaceChildren(...(problem ? [icon("warn"), h("div", {}, h("p", { class: "broken-1" }, problem.reason),
      h("p", {}, `Events up to ${count(Math.max(0, problem.number - 1))} are verified. Found `, agoTime(found ?? status.server_now), ". Compare with your last export or backup, and find out who could write to the database."))] : []));
    draw();
  }
  const state = one("[data-chain]");
  const kept = [base ? `Events up to ${count(base)} were deleted by their age.` : "", status.retention_days ? `Events are kept for ${count(status.retention_days)} days.` : ""].filter(Boolean).join(" ");
  state.dataset.tone = problem ? "err" : "ok";
  if (problem) state.replaceChildren(icon("warn"), h("span", {}, `Chain verified up to event ${count(Math.max(0, problem.number - 1))} only. ${kept}`));
  else if (!head) state.replaceChildren(icon("verified"), h("span", {}, "No event is sealed yet."));
  else state.replaceChildren(icon("verified"), h("span", {}, `Chain verified up to event ${count(verified)}${at ? ", " : ". "}`, at ? agoTime(at) : "", at ? ". " : "", verified < head ? `${count(head - verified)} are still to be checked. ` : "", kept));
}

const watch = pollWhileVisible(3000, async () => {
  try {
    status = await get("/api/audit/status");
    drawStatus();
  } catch { /* the list reports it */ }
});
list.onRefused = () => watch.stop();
watch.now();

form.addEventListener("input", () => { drawFilters(); filter(); });
form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
one("[data-clear]").addEventListener("click", clear);
addEventListener("keydown", (event) => {
  if (isField(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    form.elements.actor.focus();
  }
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  const rows = [...document.querySelectorAll(".ev > summary")];
  const at = rows.indexOf(/** @type {any} */ (document.activeElement));
  if (!step || (at < 0 && event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  /** @type {any} */ (rows[Math.max(0, Math.min(rows.length - 1, at + step))])?.focus();
});
list.onChange = draw;
drawFilters();
keepPlace(list);
startTimes();
