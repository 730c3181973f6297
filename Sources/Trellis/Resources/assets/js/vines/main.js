// The vines: what there is, and what can be done with it.

import { announce } from "../lib/announce.js";
import { post, remove } from "../lib/api.js";
import { confirmFirst } from "../lib/confirm.js";
import { h, icon, one, pageData } from "../lib/dom.js";
import { counted, shortId } from "../lib/format.js";
import { drawNothing, drawRows, LiveList } from "../lib/list.js";
import { TendrilPopover } from "../lib/tendril-popover.js";
import { agoTime, startTimes } from "../lib/times.js";
import { VineForm } from "./form.js";

const form = new VineForm();
const list = new LiveList("/api/vines", { first: pageData("page-data"), every: 5000 });
const titleOf = (vine) => `${vine.project_name} / ${vine.environment_stage}`;
const goTo = (job) => location.assign(`/dashboard/jobs/${job.id}`);

const tendrilsFor = (vine) => `/api/workers?vine_id=${vine.id}`;
const start = async (type, vine, worker) =>
  goTo(await post("/api/jobs", { job_type: type, vine_id: vine.id, ...(worker ? { assigned_worker_id: worker } : {}) }));

const popover = new TendrilPopover();

function plan(vine, button) {
  popover.toggle(button, {
    title: `Plan ${titleOf(vine)}`, action: "Start PLAN", tendrils: tendrilsFor(vine),
    known: { note: "A PLAN job finds out what would change, and changes nothing.", isBad: false },
    run: (worker) => start("PLAN", vine, worker),
  });
}

function destroy(vine) {
  confirmFirst({
    title: `Destroy ${titleOf(vine)}`,
    text: "A DESTROY job plans the destruction of everything in this vine and applies exactly that. The vine itself stays.",
    name: titleOf(vine), action: "Start DESTROY", isDanger: true, tendrils: tendrilsFor(vine),
    run: (worker) => start("DESTROY", vine, worker),
  });
}

function forget(vine) {
  confirmFirst({
    title: `Delete ${titleOf(vine)}`,
    text: "Vintner forgets this vine. What it has made in the cloud stays there: destroy it first if it is not needed.",
    name: titleOf(vine), action: "Delete the vine", isDanger: true,
    run: async () => {
      await remove(`/api/vines/${vine.id}`);
      await list.refresh();
      announce("Deleted", { urgent: true });
    },
  });
}

function breakLock(vine) {
  const { id, holder, since } = vine.lock;
  confirmFirst({
    title: `Break the lock of ${titleOf(vine)}`,
    text: `${holder} has held the state's lock since ${new Date(since).toLocaleString()}, and may still be changing real infrastructure. Break it only where you know that nothing runs there any more. A state that still comes from there is kept aside, as a version of its own.`,
    name: titleOf(vine), action: "Break the lock", isDanger: true,
    run: async () => {
      await post(`/api/vines/${vine.id}/break-lock`, { lock_id: id, confirm: vine.project_name });
      await list.refresh();
      announce("Lock broken", { urgent: true });
    },
  });
}

function sourceOf({ source }) {
  if (source.type === "git") {
    const short = source.url.replace(/^[a-z+]+:\/\//, "").replace(/\.git$/, "");
    return h("span", { class: "source", title: source.url }, icon("branch", "s"), `${short} ${source.ref}${source.path ? `, ${source.path}` : ""}`);
  }
  const names = Object.keys(source.files);
  return h("span", { class: "source", title: names.join("\n") }, icon("file", "s"), names.length === 1 ? names[0] : counted(names.length, "file"));
}

function makeRow(vine) {
  const id = `vine-${vine.id}`;
  const action = (name, text, run, kind = "") => {
    const button = h("button", { class: `btn small ${kind}`, type: "button", "aria-describedby": id, on: { click: () => run(vine, button) } }, name ? icon(name, "s") : null, text);
    return button;
  };
  return h("tr", { "data-vine": vine.id },
    h("td", { class: "c-vine" }, h("b", { class: "vine-name", id }, vine.project_name, h("span", { class: "slash" }, " / "), vine.environment_stage),
      vine.lock ? h("span", { class: "lock", title: `Locked by ${vine.lock.holder}` }, icon("lock", "s"), vine.lock.job_id ? h("a", { class: "mono", href: `/dashboard/jobs/${vine.lock.job_id}` }, shortId(vine.lock.job_id)) : vine.lock.holder,
        h("button", { class: "link-btn", type: "button", "aria-describedby": id, on: { click: () => breakLock(vine) } }, "Break lock")) : null),
    h("td", {}, vine.region || h("span", { class: "dim" }, "–")),
    h("td", { class: "c-source" }, sourceOf(vine)),
    h("td", { class: "c-changed" }, agoTime(vine.updated_at), h("span", { class: "dim" }, ` revision ${vine.revision}`)),
    h("td", { class: "c-actions" }, h("div", { class: "row" }, action("PLAN", "Plan", plan), action("", "Edit", (item, button) => form.open(item, button)),
      action("", "Destroy", destroy, "danger"), h("button", { class: "icon-btn", type: "button", "aria-label": "Delete", title: "Delete the vine", "aria-describedby": id, on: { click: () => forget(vine) } }, icon("x")))));
}

function draw() {
  drawRows(one("[data-rows]"), list.items, (vine) => JSON.stringify(vine), makeRow);
  one("[data-more]").hidden = !list.cursor;
  drawNothing(!list.items.length && !list.isLoading, [icon("tendril"), h("p", {}, "No vines yet."),
    h("p", { class: "dim" }, "A vine is one infrastructure configuration: Terraform files, variables, a region. Paste or upload them to begin."),
    h("button", { class: "btn primary", type: "button", on: { click: (event) => form.open(null, event.currentTarget) } }, "Make the first vine")]);
}

// `#ID` is where the job's page links to.
function showAsked() {
  for (const row of document.querySelectorAll("tr[data-asked]")) row.removeAttribute("data-asked");
  const row = [...document.querySelectorAll("tr[data-vine]")].find((item) => item.dataset.vine === location.hash.slice(1));
  if (!row) return;
  row.dataset.asked = "";
  row.scrollIntoView({ block: "center" });
}

form.onSaved = async (vine, isNew) => {
  await list.refresh();
  announce(isNew ? "Vine created" : "Vine saved", { urgent: true });
  if (vine?.id) history.replaceState(null, "", `#${vine.id}`);
  showAsked();
};
list.onChange = draw;
if (list.isLoading) list.refresh().then(showAsked);
draw();
showAsked();
addEventListener("hashchange", showAsked);
startTimes();
