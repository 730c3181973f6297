// The list of jobs: filters in the URL, live rows.

import "../account.js";
import { badge, h, icon, one, pageData, setText } from "../lib/dom.js";
import { agoTime, clockTime, count, counted, shortId, startTimes, ticking } from "../lib/format.js";
import { drawNothing, drawRows, filterSoon, followTable, keepPlace, LiveList } from "../lib/list.js";
import { now } from "../lib/timing.js";

const form = /** @type {HTMLFormElement} */ (one("[data-filters]"));
const fields = ["q", "status", "type"];
const filters = () => Object.fromEntries(fields.map((name) => [name, form.elements[name].value.trim()]));
const isFiltered = () => Object.values(filters()).some(Boolean);

const asked = new URLSearchParams(location.search);
for (const name of fields) form.elements[name].value = asked.get(name) ?? "";

const list = new LiveList("/api/jobs", { first: isFiltered() ? null : pageData("page-data"), every: 3000, filter: filters });

function duration(job) {
  const started = Date.parse(job.started_at ?? "");
  const ended = Date.parse(job.completed_at ?? "");
  if (Number.isNaN(started)) return Number.isNaN(ended) ? `waiting ${ticking(now() - Date.parse(job.created_at))}` : "–";
  const clock = clockTime((Number.isNaN(ended) ? now() : ended) - started);
  if (!Number.isNaN(ended) || !job.forecast) return clock;
  const left = Math.max(0, job.forecast.remaining_ms - Math.max(0, now() - Date.parse(job.server_now)));
  return `${clock}, ${left < 1000 ? "almost done" : `about ${ticking(left)} left`}`;
}

// The names of a job's counts, and the classes of their colors.
const CHANGES = [["add", "+", "add", "to add"], ["change", "~", "chg", "to change"], ["destroy", "−", "del", "to destroy"],
  ["import", "import ", "", "to import"], ["move", "move ", "", "to move"], ["forget", "forget ", "", "to forget"], ["outputs", "outputs ", "", "changed outputs"]];

/** `+3 ~1 2 warnings`: what is not zero. */
function changesOf({ changes, warnings }) {
  const counts = CHANGES.filter(([name]) => changes?.[name]);
  const text = counts.map(([name, , , words]) => `${count(changes[name])} ${words}`).join(", ");
  const parts = counts.map(([name, sign, tone]) => h("span", { class: tone }, `${sign}${count(changes[name])}`));
  return h("span", { class: "counts" }, parts.length ? h("span", { class: "deltas", title: text }, ...parts) : changes ? h("span", { class: "dim" }, "no changes") : null,
    warnings ? h("span", { class: "warned", title: counted(warnings, "warning") }, icon("warn", "s"), h("span", {}, count(warnings), h("span", { class: "sr" }, warnings === 1 ? " warning" : " warnings"))) : null);
}

function makeRow(job) {
  const href = `/dashboard/jobs/${job.id}`;
  const status = badge(job.status);
  status.dataset.jobStatus = job.status;
  const [project, ...stage] = (job.vine_title ?? "").split(" / ");
  return h("tr", {},
    h("td", { class: "c-status" }, status),
    h("td", { class: "c-job" }, h("a", { class: "row-link", href, "aria-label": `${job.job_type} ${shortId(job.id)}` },
      h("span", { class: "kind-icon", "data-type": job.job_type }, icon(job.job_type)), h("span", { class: "kind" }, job.job_type), h("code", {}, shortId(job.id)))),
    h("td", { class: "c-vine" }, stage.length ? h("span", { class: "vine-name" }, project, h("span", { class: "slash" }, " / "), stage.join(" / ")) : job.vine_title ?? shortId(job.vine_id)),
    h("td", { class: "c-tendril" }, job.worker_name ?? h("span", { class: "dim" }, "Any available")),
    h("td", { class: "c-changes" }, changesOf(job)),
    h("td", { class: "c-created" }, agoTime(job.created_at), h("span", { class: "by" }, ` by ${job.created_by}`)),
    h("td", { class: "num c-duration", "data-duration": true }, duration(job)));
}

function draw() {
  const { items } = list;
  const byId = new Map(items.map((job) => [job.id, job]));
  drawRows(one("[data-rows]"), items,
    (job) => [job.status, job.worker_name, job.started_at, job.completed_at, job.vine_title, job.warnings, JSON.stringify(job.changes)].join("|"), makeRow);
  for (const row of one("[data-rows]").children) {
    const job = byId.get(row.dataset.id);
    if (job && !job.completed_at) setText(one("[data-duration]", row), duration(job));
  }
  one("[data-more]").hidden = !list.cursor;
  drawNothing(list.isEmpty, isFiltered()
    ? [h("p", {}, "No job matches these filters."), h("button", { class: "btn", type: "button", on: { click: clear } }, "Show all jobs")]
    : [icon("PLAN"), h("p", {}, "No jobs yet."), h("p", { class: "dim" }, "A job plans, applies or destroys one vine. Create a vine, then plan it."),
      h("a", { class: "btn primary", href: "/dashboard/vines" }, "Go to vines")]);
}

const filter = filterSoon(list, filters, "job");

function clear() {
  form.reset();
  filter();
  form.elements.q.focus();
}

form.addEventListener("input", filter);
form.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
// The whole row is a link; its text can still be selected.
one("[data-rows]").addEventListener("click", (event) => {
  if (event.target.closest("a, button") || String(getSelection())) return;
  event.target.closest("tr")?.querySelector(".row-link").click();
});
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
    event.preventDefault();
    form.elements.q.focus();
  }
});

list.onChange = draw;
draw();
keepPlace(list);
followTable(list, "provision_jobs");
setInterval(() => { if (!document.hidden && list.items.some((job) => !job.completed_at)) draw(); }, 1000);
startTimes();
