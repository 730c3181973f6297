// What can be done with a vine, on the list of vines and on a vine's own page.

import { post, remove } from "../lib/api.js";
import { confirmFirst } from "../lib/confirm.js";
import { h, icon } from "../lib/dom.js";
import { count, counted, exact } from "../lib/format.js";
import { TendrilPopover } from "../lib/tendril-popover.js";
import { now } from "../lib/timing.js";
import { toast } from "../lib/toast.js";

// After this long, a lock of a user's own Terraform may have been left behind.
const LONG_LOCK = 3_600_000;

export const titleOf = (vine) => `${vine.project_name} / ${vine.environment_stage}`;
const confirmation = (vine) => `${vine.project_name}/${vine.environment_stage}`;

const tendrilsFor = (vine) => `/api/workers?vine_id=${vine.id}`;

async function start(type, vine, worker) {
  const job = await post("/api/jobs", { job_type: type, vine_id: vine.id, ...(worker ? { assigned_worker_id: worker } : {}) });
  location.assign(`/dashboard/jobs/${job.id}`);
}

// The least role that gives a right.
const GIVERS = { "jobs:plan": "planner", "jobs:apply": "operator", "variables:write": "operator", "vines:write": "maintainer", "locks:break": "maintainer" };

/** Which right the reader lacks for something, in a sentence; empty if none. @param {any} vine @param {string} right */
export const missing = (vine, right) => (!vine.rights || vine.rights.includes(right) ? ""
  : `You need the right ${right} on this vine. The role ${GIVERS[right]} gives it.`);

/** Runs something, or says which right is missing. @param {any} vine @param {string} right @param {() => void} run */
export function guarded(vine, right, run) {
  const why = missing(vine, right);
  if (why) toast(why, { tone: "warn", key: "missing" });
  else run();
}

let popover;

export function plan(vine, button) {
  popover ??= new TendrilPopover();
  popover.toggle(button, {
    title: `Plan ${titleOf(vine)}`, action: "Start PLAN", tendrils: tendrilsFor(vine),
    known: { note: "Shows what would change. Changes nothing.", isBad: false },
    run: (worker) => start("PLAN", vine, worker),
  });
}

export function destroy(vine) {
  confirmFirst({
    title: `Destroy ${titleOf(vine)}`,
    text: vine.state_kept_by ? `Destroys every resource in this vine's state, which ${vine.state_kept_by} keeps. The vine itself stays.`
      : "Destroys every resource in this vine's state. The vine itself stays.",
    name: titleOf(vine), action: "Start DESTROY", isDanger: true, tendrils: tendrilsFor(vine),
    run: (worker) => start("DESTROY", vine, worker),
  });
}

/** What remains after the vine is deleted. */
export function leftBehind({ resource_count: resources, state_kept_by: keeper }) {
  if (keeper) return `Its state is kept by ${keeper}, so Vintner does not know whether it still has resources. They are not destroyed.`;
  if (resources === undefined) return "Its state may still have resources. They are not destroyed.";
  if (resources === 0) return "Its state has no resources.";
  return resources === 1 ? "Its resource is not destroyed." : `Its ${count(resources)} resources are not destroyed.`;
}

/** @param {any} vine @param {{done: () => Promise<any>, refused: () => void}} then */
export function deleteVine(vine, { done, refused }) {
  confirmFirst({
    title: `Delete ${titleOf(vine)}`,
    text: `Deletes the vine. ${leftBehind(vine)} Its jobs and the versions of its state can still be read.`,
    name: titleOf(vine), action: "Delete vine", isDanger: true,
    run: async () => {
      // The dialog named what may not be empty; if anything else turns up, the server refuses.
      const query = vine.resource_count === 0 ? "" : `?confirm=${encodeURIComponent(confirmation(vine))}`;
      await remove(`/api/vines/${vine.id}${query}`).catch((error) => {
        refused();
        throw error;
      });
      await done();
    },
  });
}

/** @param {any} vine @param {() => Promise<any>} done */
export function breakLock(vine, done) {
  const { id, holder, since } = vine.lock;
  confirmFirst({
    title: `Break the lock of ${titleOf(vine)}`,
    text: `${holder} has held the state's lock since ${exact(Date.parse(since))}, and may still be changing real infrastructure. Break the lock only if nothing is running there. Later state versions from there are stored separately.`,
    name: titleOf(vine), action: "Break lock", cancel: "Keep lock", isDanger: true,
    run: async () => {
      await post(`/api/vines/${vine.id}/break-lock`, { lock_id: id, confirm: vine.project_name });
      await done();
    },
  });
}

/** Whether the lock will not be released by itself. */
export const isLeftOver = (lock) => !lock.at_work && (lock.job_id || now() - Date.parse(lock.since) > LONG_LOCK);

export function sourceOf({ source }) {
  if (source.type === "git") {
    const short = source.url.replace(/^[a-z+]+:\/\//, "").replace(/\.git$/, "");
    return h("span", { class: "source", title: source.url }, icon("branch", "s"), `${short} ${source.ref}${source.path ? `, ${source.path}` : ""}`);
  }
  const names = Object.keys(source.files);
  return h("span", { class: "source", title: names.join("\n") }, icon("file", "s"), names.length === 1 ? names[0] : counted(names.length, "file"));
}
