// Whether a saved plan may be applied, in words: the strip, the popover and the buttons say the same.

import { plannedText } from "../lib/changes.js";

/** The numbers that a job's metadata or its plan gives. @returns {import("../lib/changes.js").Changes|null} */
export function changesOf({ job, apply }) {
  const found = job.execution_metadata?.changes ?? job.execution_metadata?.planned_changes ?? apply?.changes;
  return found && typeof found.add === "number" ? found : null;
}

/** What leads to a plan that may be applied. */
export const REMEDIES = { RERUN: "Plan again", PLAN_VINE: "Plan the vine as it is now" };

const isNothing = ({ add, change, destroy }) => add + change + destroy === 0;

/** The verdict on a plan. @param {import("./model.js").JobModel} model */
export function planText(model) {
  const changes = changesOf(model);
  if (!changes) return "Plan complete";
  return isNothing(changes) ? "Plan: no changes" : `Plan: ${plannedText(changes)}`;
}

/** What became of the plan. @param {import("./model.js").Apply} apply @returns {import("./words.js").Fact} */
export function standing(apply) {
  if (apply.deploy_id) return { icon: "DEPLOY", text: "Applied by job", job: apply.deploy_id };
  if (!apply.valid) return { icon: "warn", text: `It can't be applied any more: ${lower(apply.reason)}`, tone: "warn" };
  return { icon: "disk", text: `Not applied yet. The saved plan is current: ${state(apply)}, configuration unchanged` };
}

/** What the popover says before the click. @param {import("./model.js").JobModel} model */
export function checkOf(model) {
  const { apply } = model;
  const changes = changesOf(model);
  if (apply && !apply.valid) return { note: `This plan can't be applied: ${apply.reason}`, isBad: true, changes };
  const does = changes && isNothing(changes) ? "It changes nothing." : "";
  return { note: `A new DEPLOY job applies exactly this saved plan, which is current (${state(apply)}). ${does}`.trim(), isBad: false, changes };
}

const state = (apply) => (Number.isFinite(apply?.state_serial) ? `state serial ${apply.state_serial}` : "no state yet");
const lower = (text) => (text ? text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "") : "");
