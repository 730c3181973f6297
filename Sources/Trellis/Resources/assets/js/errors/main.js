// The errors of all jobs: one row per cause, open ones first. A row opens to its vines and jobs.

import "../account.js";
import { get, query } from "../lib/api.js";
import { h, icon, isField, one } from "../lib/dom.js";
import { agoTime, counted, startTimes } from "../lib/format.js";
import { marked } from "../lib/invisible.js";
import { drawNothing, drawRows, filterSoon, followTable, keepPlace, LiveList } from "../lib/list.js";
import { day, jobLink, nowBadge, nowOf, SAME, vineTable } from "../lib/seen.js";
import { showError } from "../lib/toast.js";
import { daysAgo, fillVines } from "../lib/vine-select.js";

const form = /** @type {HTMLFormElement} */ (one("[data-filters]"));
const fields = ["q", "open", "vine", "since"];
const filters = () => Object.fromEntries(fields.map((name) => [name, form.elements[name].value.trim()]));
const isFiltered = () => Object.values(filters()).some(Boolean);

const asked = new URLSearchParams(location.search);
fillVines(asked.get("vine") ?? "");
for (const name of fields) if (name !== "vine") form.elements[name].value = asked.get(name) ?? "";

const list = new LiveList("/api/errors", { every: 10_000, filter: () => ({ ...filters(), since: daysAgo(filters().since) }) });
// Rows that are open, and what was fetched for them. @type {Map<string, any>}
const opened = new Map();
// The error that the address names, wherever it is in the list.
let named = null;
if (/^#[0-9a-f]{32}$/.test(location.hash)) name(location.hash.slice(1));

async function name(id) {
  opened.set(id, null);
  try {
    named = (await get(`/api/errors/${id}`)).error;
    draw();
    document.querySelector(`[data-error="${id}"]`)?.scrollIntoView({ block: "nearest" });
  } catch (error) {
    showError(error);
  }
}

function spark(error) {
  if (!error.days) return h("span");
  const most = Math.max(1, ...error.days);
  const total = error.days.reduce((sum, jobs) => sum + jobs, 0);
  return h("span", { class: "spark", role: "img", "aria-label": `${counted(total, "job")} in the last 14 days` },
    ...error.days.map((jobs) => {
      const bar = h("i", { "data-none": !jobs });
      if (jobs) bar.style.setProperty("--share", `${Math.max(20, Math.round(100 * jobs / most))}%`);
      return bar;
    }));
}

function makeRow(error) {
  const place = [error.resource_type, error.file && (error.line ? `${error.file}:${error.line}` : error.file)].filter(Boolean);
  const row = /** @type {HTMLDetailsElement} */ (h("details", { class: "err", "data-error": error.id, open: opened.has(error.id) },
    h("summary", {}, icon("chev", "s"),
      h("div", { class: "err-what" }, marked(h("b"), error.cause), place.length ? marked(h("p", { class: "mono" }), place.join(" · ")) : null),
      h("span", { class: "err-seen" }, h("b", {}, counted(error.jobs, "job")), " ", h("span", {}, `in ${counted(error.vines, "vine")}`)),
      spark(error),
      h("span", { class: "err-when err-first", title: day(error.first.at) }, agoTime(error.first.at)),
      h("span", { class: "err-when" }, agoTime(error.last.at)),
      nowBadge(nowOf(error))),
    h("div", { class: "err-more", "data-more-of": error.id })));
  row.addEventListener("toggle", () => {
    if (row.open) show(error.id, row);
    else opened.delete(error.id);
  });
  if (row.open) show(error.id, row);
  return row;
}

/** Fetches what an open row shows. */
async function show(id, row) {
  const known = opened.get(id);
  if (!opened.has(id)) opened.set(id, null);
  if (known) fill(id, row, known);
  try {
    const detail = await get(`/api/errors/${id}${query({ vine: filters().vine })}`);
    if (!opened.has(id)) return;
    opened.set(id, detail);
    fill(id, row, detail);
  } catch (error) {
    showError(error);
  }
}

function fill(id, row, detail) {
  const { error, vines, jobs, next_cursor: next } = detail;
  const sightings = h("ul", { class: "sightings" }, ...jobs.map(sighting));
  const more = /** @type {HTMLButtonElement|null} */ (next ? h("button", { class: "btn small", type: "button" }, "Older jobs") : null);
  more?.addEventListener("click", async () => {
    more.disabled = true;
    try {
      const page = await get(`/api/errors/${id}${query({ vine: filters().vine, cursor: detail.next_cursor })}`);
      detail.jobs.push(...page.jobs);
      detail.next_cursor = page.next_cursor;
      fill(id, row, detail);
    } catch (problem) {
      showError(problem);
      more.disabled = false;
    }
  });
  const hidden = error.vines - vines.length;
  one("[data-more-of]", row).replaceChildren(
    vineTable(vines), hidden > 0 ? h("p", { class: "dim" }, `and ${counted(hidden, "more vine")}`) : "",
    h("h2", {}, "Jobs"), sightings,
    h("div", { class: "foot" }, SAME, more));
}

function sighting(job) {
  const text = marked(h("span", { class: "text", title: job.cause }), job.address ?? job.cause);
  return h("li", {}, h("span", { class: "kind" }, job.job_type), jobLink(job.job_id, job.log_line), h("span", {}, job.vine_title), text, agoTime(job.at));
}

function draw() {
  const items = named && !isFiltered() && !list.isLoading && !list.items.some((error) => error.id === named.id) ? [named, ...list.items] : list.items;
  drawRows(one("[data-rows]"), items, (error) => JSON.stringify({ ...error, server_now: nowOf(error) }), makeRow);
  one("[data-more]").hidden = !list.cursor;
  drawNothing(list.isEmpty, isFiltered()
    ? [h("p", {}, "No error matches these filters."), h("button", { class: "btn", type: "button", on: { click: clear } }, "Show all errors")]
    : [icon("SUCCESS"), h("p", {}, "No errors."), h("p", { class: "dim" }, "When a job fails, its errors are listed here, each cause once.")]);
}

const filter = filterSoon(list, filters, "error");

function clear() {
  form.reset();
  filter();
  form.elements.q.focus();
}

form.addEventListener("input", () => { opened.clear(); filter(); });
form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    form.elements.q.focus();
  } else if (event.key === "j" || event.key === "k") {
    const rows = [...document.querySelectorAll(".err > summary")];
    const at = rows.indexOf(/** @type {any} */ (document.activeElement));
    /** @type {any} */ (rows[at < 0 ? 0 : at + (event.key === "j" ? 1 : -1)])?.focus();
  }
});

list.onChange = draw;
keepPlace(list);
followTable(list, "provision_jobs");
startTimes();
