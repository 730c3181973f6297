// What a plan does, in words and signs. Pure.

import { count, counted } from "../../lib/format.js";

/**
 * @typedef {object} Change a resource of the plan, as `GET /api/jobs/{id}/plan` lists it
 * @property {number} n
 * @property {string} address
 * @property {string} [previous_address]
 * @property {string} [deposed]
 * @property {string} module
 * @property {string} type
 * @property {string} action
 * @property {string} [reason]
 * @property {string[]} forces
 * @property {boolean} drift
 * @property {string} [deferred]
 * @property {string[]} attributes
 */

/** @typedef {{name: string, title: string, say: string, isHarm?: boolean}} Group */

/** @type {Group[]} in the order of risk */
export const GROUPS = [
  { name: "replace", title: "Replace", say: "deleted and created again", isHarm: true },
  { name: "delete", title: "Delete", say: "destroyed, not created again", isHarm: true },
  { name: "update", title: "Update in place", say: "" },
  { name: "create", title: "Create", say: "" },
  { name: "import", title: "Import", say: "taken into the state" },
  { name: "move", title: "Move", say: "a new address, nothing else" },
  { name: "forget", title: "Forget", say: "leaves the state, is not destroyed" },
  { name: "read", title: "Read", say: "data sources that are read during the apply" },
  { name: "drift", title: "Changed outside", say: "differs from the state, and the plan takes it into account" },
  { name: "output", title: "Outputs", say: "" },
  { name: "check", title: "Checks", say: "" },
];

/** @type {[string, string[]][]} the groups that a chip shows or hides */
export const CHIPS = [
  ["replace", ["replace"]], ["delete", ["delete"]], ["update", ["update"]], ["create", ["create"]],
  ["other", ["import", "move", "forget", "read", "drift", "output", "check"]],
];

const SIGNS = {
  replace_delete_first: "−/+", replace_create_first: "+/−", delete: "−", update: "~", create: "+", import: "↓", move: "→", forget: "×",
  read: "<=", "no-op": "·",
};
const WORDS = {
  replace_delete_first: "replace, delete first", replace_create_first: "replace, create first", delete: "delete", update: "update in place",
  create: "create", import: "import", move: "move", forget: "forget", read: "read", "no-op": "no change",
};

/** The name of the group of an action. @param {string} action */
export const groupOf = (action) => (action.startsWith("replace_") ? "replace" : action);

/** @param {string} action */
export const sign = (action) => SIGNS[action] ?? "·";

/** @param {string} action */
export const word = (action) => WORDS[action] ?? action;

const REASONS = {
  replace_because_tainted: "it is tainted",
  replace_by_request: "requested by -replace",
  replace_by_triggers: "triggered by replace_triggered_by",
  delete_because_no_resource_config: "it is not in the configuration",
  delete_because_no_module: "its module is not in the configuration",
  delete_because_wrong_repetition: "count or for_each was added or removed",
  delete_because_count_index: "its index is outside of count",
  delete_because_each_key: "its key is not in for_each",
  delete_because_no_move_target: "it was moved to an address that is not in the configuration",
  read_because_config_unknown: "its configuration is known after apply",
  read_because_dependency_pending: "it depends on a resource that changes",
  read_because_check_nested: "it belongs to a check",
};

/** A reason of the engine; an unknown one as it is. @param {string} reason */
const reasonText = (reason) => REASONS[reason] ?? reason.replaceAll("_", " ");

/**
 * Why a resource changes: what must not be overlooked, names of attributes, and the rest.
 * @param {Change} change
 * @returns {{harm: string, names: string[], text: string}}
 */
export function why(change) {
  const group = groupOf(change.action);
  const { reason, forces, attributes, previous_address: previous, deposed, deferred } = change;
  const notes = [];
  if (deferred) notes.push(`put off to a later plan: ${reasonText(deferred)}`);
  if (deposed) notes.push(`deposed object ${deposed}`);
  if (previous) notes.push(`moved from ${previous}`);
  const rest = (text) => [text, ...notes].filter(Boolean).join("; ");
  if (change.drift) return { harm: "", names: attributes, text: rest(change.action === "delete" ? "was deleted" : "") };
  if (group === "replace") {
    const harm = "must be replaced:";
    if (forces.length) return { harm, names: forces, text: rest(forces.length === 1 ? "forces replacement" : "force replacement") };
    return { harm, names: [], text: rest(reason ? reasonText(reason) : "no reason given") };
  }
  if (group === "delete") return { harm: "will be destroyed:", names: [], text: rest(reason ? reasonText(reason) : deposed ? "" : "no reason given") };
  if (group === "update" || group === "create") return { harm: "", names: attributes, text: rest("") };
  if (group === "read") return { harm: "", names: [], text: rest(reason ? reasonText(reason) : "") };
  return { harm: "", names: [], text: rest("") };
}

/** The same in a sentence. @param {Change} change */
export function whyText(change) {
  const { harm, names, text } = why(change);
  return [harm, names.join(", "), text].filter(Boolean).join(" ");
}

/** The address, with its module apart. @param {Change} change @returns {[string, string]} */
export function splitAddress({ address, module }) {
  return module && address.startsWith(`${module}.`) ? [`${module}.`, address.slice(module.length + 1)] : ["", address];
}

/**
 * What an empty list says: a title and a sentence.
 * @param {any} summary
 * @param {boolean} isOver the job can't plan any more
 * @returns {[string, string]}
 */
export function emptyText(summary, isOver) {
  if (summary.state === "none") {
    return isOver ? ["No changes are stored", "The job did not finish its plan, or its Tendril could not store what it found. The log has the plan."]
      : ["Planning", "The changes appear here once the plan is made."];
  }
  if (summary.state === "partial") {
    return isOver ? ["The changes are incomplete", "The job ended before all of them were stored. The log has the plan."]
      : ["Receiving the plan", "The changes appear here in a moment."];
  }
  const same = summary.unchanged ? `${counted(summary.unchanged, "resource")} compared with the configuration.` : "";
  const drift = summary.hidden_drift ? ` ${count(summary.hidden_drift)} changed outside of this vine without an effect on the plan.` : "";
  return ["No changes", (same + drift).trim() || "The plan changes nothing."];
}
