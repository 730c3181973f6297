// The vines: the list and its actions.

import "../account.js";
import { badge, h, icon, one, pageData } from "../lib/dom.js";
import { agoTime, count, counted, shortId, startTimes } from "../lib/format.js";
import { drawNothing, drawRows, filterSoon, keepPlace, LiveList, setFilters } from "../lib/list.js";
import { sharedMenu } from "../lib/menu.js";
import { announce } from "../lib/toast.js";
import { breakLock, deleteVine, destroy, guarded, isLeftOver, missing, plan, sourceOf, titleOf } from "./actions.js";
import { VineForm } from "./form.js";

const form = new VineForm();
const search = /** @type {HTMLFormElement} */ (one("[data-filters]"));
const filters = () => ({ q: search.elements.q.value.trim() });
search.elements.q.value = new URLSearchParams(location.search).get("q") ?? "";
const list = new LiveList("/api/vines", { first: filters().q ? null : pageData("page-data"), every: 5000, filter: filters });
const openMenu = sharedMenu(one("#vine-menu"));

const removeVine = (vine) => deleteVine(vine, {
  refused: () => list.refresh(),
  done: async () => {
    showNext(null);
    await list.refresh();
    announce("Deleted", { urgent: true });
  },
});

const breakLockOf = (vine) => breakLock(vine, async () => {
  await list.refresh();
  announce("Lock broken", { urgent: true });
});

function lockOf(vine, id) {
  const { lock } = vine;
  if (!lock) return null;
  return h("span", { class: "lock", title: `Locked by ${lock.holder}` }, icon("lock", "s"), lock.job_id ? h("a", { class: "mono", href: `/dashboard/jobs/${lock.job_id}` }, shortId(lock.job_id)) : lock.holder,
    isLeftOver(lock) ? h("button", { class: "link-btn", type: "button", "aria-describedby": id, on: { click: () => guarded(vine, "locks:break", () => breakLockOf(vine)) } }, "Break lock") : null);
}

function lastJobOf({ last_job: job }) {
  if (!job) return h("span", { class: "dim" }, "No jobs yet");
  const status = badge(job.status);
  status.dataset.jobStatus = job.status;
  return h("a", { class: "last-job", href: `/dashboard/jobs/${job.id}`, "aria-label": [`${job.job_type} ${shortId(job.id)}`, job.status, job.warnings ? counted(job.warnings, "warning") : ""].filter(Boolean).join(", ") }, status, h("span", { class: "kind" }, job.job_type), " ", agoTime(job.created_at),
    job.warnings ? h("span", { class: "warned", title: counted(job.warnings, "warning") }, icon("warn", "s"), count(job.warnings)) : null);
}

function resourcesOf({ resource_count: resources, state_kept_by: keeper }) {
  if (keeper) return h("span", { class: "dim", title: `The state is kept by ${keeper}` }, "unknown");
  if (resources === undefined) return h("span", { class: "dim", title: "Counted at the next change of the state" }, "unknown");
  return resources ? count(resources) : h("span", { class: "dim" }, "0");
}

function warningsOf({ warnings }) {
  if (!warnings?.length) return null;
  return h("span", { class: "warned", title: warnings.join("\n") }, icon("warn", "s"), counted(warnings.length, "warning"));
}

function makeRow(vine) {
  const id = `vine-${vine.id}`;
  const action = (name, text, right, run, kind = "") => {
    const why = missing(vine, right);
    const button = h("button", { class: `btn small ${kind}`, type: "button", "aria-describedby": id, "aria-disabled": why ? "true" : null, title: why || null, on: { click: () => guarded(vine, right, () => run(vine, button)) } }, name ? icon(name, "s") : null, text);
    return button;
  };
  const more = h("button", { class: "icon-btn", type: "button", "aria-label": "More actions", title: "More actions", "aria-describedby": id, "aria-haspopup": "menu", "aria-expanded": "false", on: { click: () => openMenu(more, [
    { text: "Destroy", icon: "DESTROY", isDanger: true, run: () => guarded(vine, "jobs:apply", () => destroy(vine)) },
    { text: "Delete", icon: "x", isDanger: true, run: () => guarded(vine, "vines:write", () => removeVine(vine)) },
  ]) } }, icon("dots"));
  return h("tr", { "data-vine": vine.id },
    h("td", { class: "c-vine" }, h("a", { class: "vine-name", id, href: `/dashboard/vines/${vine.id}` }, vine.project_name, h("span", { class: "slash" }, " / "), vine.environment_stage), lockOf(vine, id), warningsOf(vine)),
    h("td", { class: "c-last" }, lastJobOf(vine)),
    h("td", { class: "num", "data-label": "Resources" }, resourcesOf(vine)),
    h("td", { class: "c-region", "data-label": "Region" }, vine.region || h("span", { class: "dim" }, "–")),
    h("td", { class: "c-source" }, sourceOf(vine)),
    h("td", { class: "c-changed", "data-label": "Changed" }, agoTime(vine.updated_at), h("span", { class: "dim" }, ` revision ${vine.revision}`)),
    h("td", { class: "c-actions" }, h("div", { class: "row" }, action("PLAN", "Plan", "jobs:plan", plan), action("", "Edit", "variables:write", (item, button) => form.open(item, button)), more)));
}

function draw() {
  const isOld = (vine) => Boolean(vine.lock && isLeftOver(vine.lock));
  drawRows(one("[data-rows]"), list.items, (vine) => JSON.stringify([vine, isOld(vine)]), makeRow);
  one("[data-more]").hidden = !list.cursor;
  drawNothing(list.isEmpty, filters().q
    ? [h("p", {}, "No vine matches this search."), h("button", { class: "btn", type: "button", on: { click: clear } }, "Show all vines")]
    : [icon("tendril"), h("p", {}, "No vines yet."),
      h("p", { class: "dim" }, "A vine is one infrastructure configuration: Terraform files, variables, a region. Paste or upload files to start."),
      h("button", { class: "btn primary", type: "button", on: { click: (event) => form.open(null, event.currentTarget) } }, "Create the first vine")]);
}

const filter = filterSoon(list, filters, "vine");

function clear() {
  search.reset();
  filter();
  search.elements.q.focus();
}

// The job's page links to `#ID`; the start of an ID is enough.
function showLinkedVine() {
  const asked = location.hash.slice(1);
  for (const row of document.querySelectorAll("tr[data-asked]")) row.removeAttribute("data-asked");
  const row = asked.length < 4 ? null : [...document.querySelectorAll("tr[data-vine]")].find((item) => item.dataset.vine?.startsWith(asked));
  if (!row) return;
  row.dataset.asked = "";
  row.scrollIntoView({ block: "center" });
}

// A vine's page links to `?edit=ID`.
function editLinkedVine() {
  const id = new URLSearchParams(location.search).get("edit");
  if (!id) return;
  setFilters(filters());
  form.open({ id });
}

/** After a vine is made, planning it is what comes next. @param {any|null} vine */
function showNext(vine) {
  const host = one("[data-next]");
  host.hidden = !vine;
  if (!vine) return;
  const button = h("button", { class: "btn primary", type: "button", on: { click: () => plan(vine, button) } }, icon("PLAN"), "Plan it");
  host.replaceChildren(h("p", {}, h("b", {}, titleOf(vine)), " is created. Plan it to see what Terraform would do."), button,
    h("button", { class: "icon-btn", type: "button", "aria-label": "Close", on: { click: () => showNext(null) } }, icon("x")));
  button.focus();
}

form.onSaved = async (vine, isNew) => {
  // Show the saved vine even if the search excludes it.
  if (isNew && filters().q) search.reset();
  setFilters(filters());
  if (vine?.id) history.replaceState(history.state, "", `${location.search}#${vine.id}`);
  if (isNew) showNext(vine);
  await list.refresh();
  announce(isNew ? "Vine created" : "Vine saved", { urgent: true });
  showLinkedVine();
};
search.addEventListener("input", filter);
search.addEventListener("submit", (event) => { event.preventDefault(); filter(); });
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
    event.preventDefault();
    search.elements.q.focus();
  }
});
list.onChange = draw;
draw();
keepPlace(list, () => {
  showLinkedVine();
  editLinkedVine();
});
addEventListener("hashchange", showLinkedVine);
startTimes();
