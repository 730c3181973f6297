// Whether a saved plan may be applied, in words: the strip, the popover and the buttons say the same.

import { isNothing, plannedText } from "../../lib/changes.js";

/** The numbers that a job, its metadata or its plan gives. @returns {import("../../lib/changes.js").Changes|null} */
export function changesOf({ job, apply }) {
  const { execution_metadata: metadata } = job;
  const found = job.changes ?? metadata?.changes ?? metadata?.planned_changes ?? apply?.changes;
  return found && typeof found.add === "number" ? found : null;
}

/** What leads to a plan that may be applied, whatever made the old one out of date. */
export const REMEDY = "Plan current configuration";

/** The verdict on a plan. @param {import("../model.js").JobModel} model */
export function planText(model) {
  const changes = changesOf(model);
  if (!changes) return "Plan complete";
  return isNothing(changes) ? "Plan: no changes" : `Plan: ${plannedText(changes)}`;
}

/** What became of the plan. @param {import("../model.js").Apply} apply @returns {import("./text.js").Fact} */
export function standing(apply) {
  if (apply.deploy_id) return { icon: "DEPLOY", text: "Applied by job", job: apply.deploy_id };
  if (apply.valid) return { icon: "check", text: "Ready to apply. Nothing has changed since this plan." };
  const why = lower(apply.reason);
  return { icon: "warn", text: why.includes("after this plan") ? `Out of date: ${why}` : `Can't be applied: ${why}`, tone: "warn" };
}

/** What the popover says before the click. @param {import("../model.js").JobModel} model */
export function checkOf(model) {
  const { apply } = model;
  const changes = changesOf(model);
  if (apply && !apply.valid) return { note: apply.reason, isBad: true, changes };
  const state = Number.isFinite(apply?.state_serial) ? `state serial ${apply.state_serial}` : "no state yet";
  const does = changes && isNothing(changes) ? " It changes nothing." : "";
  return { note: `Starts a DEPLOY that applies exactly this plan. Nothing has changed since it was made (${state}).${does}`, isBad: false, changes };
}

const lower = (text) => (text ? text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "") : "");
