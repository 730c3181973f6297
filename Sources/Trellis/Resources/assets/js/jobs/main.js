// The list of jobs: filters in the URL, live rows.

import "../account.js";
import { badge, h, icon, one, pageData, setText } from "../lib/dom.js";
import { agoTime, shortId, startTimes } from "../lib/format.js";
import { drawNothing, drawRows, filterSoon, followTable, keepPlace, LiveList } from "../lib/list.js";
import { changesOf, duration } from "./cells.js";

const form = /** @type {HTMLFormElement} */ (one("[data-filters]"));
const fields = ["q", "status", "type"];
const filters = () => Object.fromEntries(fields.map((name) => [name, form.elements[name].value.trim()]));
const isFiltered = () => Object.values(filters()).some(Boolean);

const asked = new URLSearchParams(location.search);
for (const name of fields) form.elements[name].value = asked.get(name) ?? "";

const list = new LiveList("/api/jobs", { first: isFiltered() ? null : pageData("page-data"), every: 3000, filter: filters });

function makeRow(job) {
  const href = `/dashboard/jobs/${job.id}`;
  const status = badge(job.status);
  status.dataset.jobStatus = job.status;
  const [project, ...stage] = (job.vine_title ?? "").split(" / ");
  return h("tr", {},
    h("td", { class: "c-status" }, status),
    h("td", { class: "c-job" }, h("a", { class: "row-link", href, "aria-label": `${job.job_type} ${shortId(job.id)}` },
      h("span", { class: "kind-icon", "data-type": job.job_type }, icon(job.job_type)), h("span", { class: "kind" }, job.job_type), h("code", {}, shortId(job.id)))),
    h("td", { class: "c-vine" }, h("a", { class: "vine-name", href: `/dashboard/vines/${job.vine_id}` }, ...(stage.length ? [project, h("span", { class: "slash" }, " / "), stage.join(" / ")] : [job.vine_title ?? shortId(job.vine_id)]))),
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
