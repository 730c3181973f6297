// A vine's own page: outputs, resources and versions of its state, its jobs, variables and lock.

import "../account.js";
import { ApiError, get } from "../lib/api.js";
import { badge, h, icon, isField, one, pageData, setText } from "../lib/dom.js";
import { agoTime, counted, shortId, startTimes } from "../lib/format.js";
import { pollWhileVisible } from "../lib/timing.js";
import { announce, showError } from "../lib/toast.js";
import { breakLock, deleteVine, destroy, guarded, isLeftOver, leftBehind, missing, plan, sourceOf } from "../vines/actions.js";
import { JobsCard } from "./jobs.js";
import { OutputsCard } from "./outputs.js";
import { ResourcesCard } from "./resources.js";
import { StatesCard } from "./states.js";
import { drawVariables } from "./variables.js";

const EVERY = 5000;

let vine = pageData("page-data");
const path = `/api/vines/${vine.id}`;
const jobs = new JobsCard(vine);
const outputs = new OutputsCard(path);
const resources = new ResourcesCard(path);
const states = new StatesCard(path, () => !missing(vine, "state:read"));

const fact = (name, ...content) => h("span", {}, icon(name, "s"), ...content);
const label = (text) => h("span", { class: "lab", text });

function lockFact() {
  const { lock } = vine;
  if (!lock) return fact("unlock", "not locked");
  const holder = lock.job_id ? h("a", { class: "mono", href: `/dashboard/jobs/${lock.job_id}` }, shortId(lock.job_id)) : h("b", { text: lock.holder });
  return h("span", { class: "locked" }, icon("lock", "s"), h("span", {}, "locked by ", holder, " ", agoTime(lock.since)),
    isLeftOver(lock) ? h("button", { class: "link-btn", type: "button", "data-action": "break-lock", on: { click: () => guarded(vine, "locks:break", () => breakLock(vine, async () => {
      await refresh();
      announce("Lock broken", { urgent: true });
    })) } }, "Break lock") : null);
}

// The head is made again only where it differs, so that the focus stays.
let drawn = "";

function draw() {
  const key = JSON.stringify([vine, vine.lock && isLeftOver(vine.lock), states.newest?.number]);
  if (key === drawn) return;
  drawn = key;
  for (const [name, right] of [["plan", "jobs:plan"], ["destroy", "jobs:apply"], ["delete", "vines:write"]]) {
    const why = missing(vine, right);
    const button = one(`[data-action="${name}"]`);
    button.toggleAttribute("data-missing", Boolean(why));
    if (!why) continue;
    button.title = why;
    button.setAttribute("aria-disabled", "true");
  }
  const { last_job: job, engine } = vine;
  const state = job ? badge(job.status) : h("span", { class: "badge" }, icon("QUEUED"), "NO JOBS YET");
  if (job) state.dataset.jobStatus = job.status;
  one("[data-head-state]").replaceChildren(state, states.newest ? h("span", { class: "dur", text: `serial ${states.newest.serial}` }) : "");
  one("[data-head-meta]").replaceChildren(
    h("span", { class: "cut" }, sourceOf(vine)),
    ...(vine.region ? [h("span", { class: "opt" }, label("Region"), vine.region)] : []),
    h("span", { class: "opt" }, icon("signal", "s"), label("Engine"), engine === "tofu" ? "OpenTofu" : engine === "terraform" ? "Terraform" : "Tendril default"),
    h("span", { class: "opt" }, label("Revision"), String(vine.revision)), lockFact());
  drawStrip(job);
  setText(one("[data-left-behind]"), `${leftBehind(vine)} Its jobs and the versions of its state can still be read.`);
  drawVariables(vine);
}

const ENDED = { SUCCESS: "succeeded", FAILED: "failed", CANCELLED: "was cancelled" };

function drawStrip(job) {
  const strip = one("[data-strip]");
  if (job && ENDED[job.status]) strip.dataset.banner = job.status;
  else delete strip.dataset.banner;
  const parts = [];
  if (vine.state_kept_by) parts.push(`The state is kept by ${vine.state_kept_by}.`);
  else if (vine.resource_count !== undefined) parts.push(counted(vine.resource_count, "resource"));
  if (job?.warnings) parts.push(counted(job.warnings, "warning"));
  strip.replaceChildren(icon(job?.status ?? "vine"),
    h("div", { class: "strip-main" },
      h("p", { class: "strip-1" }, ...(job ? [`${job.job_type} ${ENDED[job.status] ?? "is not finished"}, created `, agoTime(job.created_at)] : ["Created ", agoTime(vine.created_at), ` by ${vine.created_by}`])),
      h("p", { class: "strip-2", text: parts.join(" · ") || "No jobs yet" })),
    ...(job ? [h("a", { class: "btn quiet", href: `/dashboard/jobs/${job.id}`, "data-last-job": job.id }, icon("move"), h("span", { class: "word" }, "Open job"))] : []));
}

let isRefused = false;

async function refresh() {
  try {
    const fresh = await get(path);
    vine = fresh;
    await Promise.all([jobs.refresh(), states.refresh()]);
    draw();
    // A state of another backend, or none: nothing is to be read here.
    await Promise.all([outputs.show(states.newest, vine), resources.show(states.newest, vine, jobs.stamp)]);
    isRefused = false;
  } catch (error) {
    if (!isRefused) showError(error);
    isRefused = true;
    if (error instanceof ApiError && (error.status === 401 || error.status === 404)) poll.stop();
  }
}

one('[data-action="plan"]').addEventListener("click", ({ currentTarget: button }) => guarded(vine, "jobs:plan", () => plan(vine, button)));
one('[data-action="destroy"]').addEventListener("click", () => guarded(vine, "jobs:apply", () => destroy(vine)));
one('[data-action="delete"]').addEventListener("click", () => guarded(vine, "vines:write", () => deleteVine(vine, {
  refused: refresh,
  done: async () => { location.assign("/dashboard/vines"); },
})));
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
  event.preventDefault();
  resources.focusFilter();
});

draw();
const poll = pollWhileVisible(EVERY, refresh);
poll.now();
startTimes();
