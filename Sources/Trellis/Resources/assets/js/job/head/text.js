// The text of the status bar: a verdict and facts.

import { doneText, isNothing, plannedText } from "../../lib/changes.js";
import { connection, knownNow } from "../../lib/connection.js";
import { count, counted, shortId, span, ticking } from "../../lib/format.js";
import { now } from "../../lib/timing.js";
import { shownError } from "./diagnostic.js";
import { phaseTimes } from "./phases.js";

/**
 * @typedef {object} Fact
 * @property {string} icon
 * @property {string} text
 * @property {string} [job] a link to it ends the text
 * @property {string} [tone]
 * @property {boolean} [long] gives way where space is short
 * @property {boolean} [isMinor] left out on a phone
 * @property {boolean} [isCode]
 * @property {"error"|"warning"} [jump] leads to the next of its kind in the log
 */

const at = (time) => (time ? Date.parse(time) : Number.NaN);

/** @param {import("../model.js").JobModel} model @returns {string} */
export function verdict(model) {
  const { job } = model;
  const changes = changesOf(model);
  switch (job.status) {
    case "SUCCESS":
      if (job.job_type === "PLAN") return planText(model);
      if (job.job_type === "CONNECTION_TEST") return connectionText(job);
      if (job.job_type === "DESTROY") return changes ? `Destroy complete: ${count(changes.destroy)} destroyed` : "Destroy complete";
      return changes ? `Apply complete: ${doneText(changes)}` : "Apply complete";
    case "FAILED":
      return shownError(job).cause || "Failed";
    case "CANCELLED": {
      const who = job.cancelled_by ? `Cancelled by ${job.cancelled_by}` : "Cancelled by user";
      if (job.engine_state === "STOPPING") return `${who}; Terraform is ${job.forced ? "being killed" : "still stopping"}`;
      if (job.engine_state === "UNKNOWN") return `${who}; it isn't known whether Terraform has stopped`;
      return who;
    }
    default:
      return "";
  }
}

/** Who a CONNECTION_TEST was in the cloud. @param {any} job */
function connectionText(job) {
  const { principal, account } = job.execution_metadata?.connection ?? {};
  return principal ? `Connected as ${principal}${account && !principal.includes(account) ? `, account ${account}` : ""}` : "Connected";
}

/**
 * How many warnings and errors a job has: the larger count of the job's record and the log.
 * @param {import("../model.js").JobModel} model
 * @param {{errors: number, warnings: number}} log
 */
export function diagnosticCounts({ job }, log) {
  const errors = job.status === "FAILED" ? Math.max(log.errors, shownError(job).others + 1) : log.errors;
  return { errors, warnings: Math.max(job.warnings ?? 0, log.warnings) };
}

/**
 * The facts of a job that has ended.
 * @param {import("../model.js").JobModel} model
 * @param {{errors: number, warnings: number}} log how many the log names
 * @returns {Fact[]}
 */
export function facts(model, log) {
  const { job, apply } = model;
  const { outcome } = job;
  /** @type {Fact[]} */
  const list = [];
  const add = (icon, text) => { if (text) list.push({ icon, text }); };
  const error = shownError(job);
  const { errors, warnings } = diagnosticCounts(model, log);
  const isPlan = job.job_type === "PLAN" && job.status === "SUCCESS";

  if (job.status === "FAILED") {
    if (error.address) list.push({ icon: "", text: error.address, isCode: true });
    add("file", error.place);
    if (errors > 1) list.push({ icon: "FAILED", text: `and ${counted(errors - 1, "more error")}`, jump: "error" });
  }
  if (job.status === "CANCELLED" && job.engine_state === "NONE") add("exit", "Terraform did not start. Nothing changed.");
  if (job.status === "CANCELLED" && job.engine_state === "STOPPING") {
    const { lost, text, more } = heartbeatText(job, model.worker);
    if (lost) add("unplug", `${text} ${more}`);
    else if (job.forced) add("signal", "Terraform is killed before it can write its state. The vine stays locked until it exits.");
    else add("signal", "Terraform is finishing in-flight changes. The vine stays locked until it exits.");
  }
  if (isPlan && apply) list.push(planStatus(apply));
  // Show what the user left out of the plan.
  if (job.targets?.length) list.push({ icon: "branch", text: `only ${job.targets.length === 1 ? job.targets[0] : counted(job.targets.length, "target")}`, tone: "warn" });
  if (job.refresh_only) list.push({ icon: "rerun", text: "refresh only" });
  if (warnings && job.status !== "FAILED") list.push({ icon: "warn", text: counted(warnings, "warning"), tone: "warn", jump: "warning" });
  if (outcome) {
    if (isNews(job, error)) list.push({ icon: "exit", text: endText(job), long: true });
    if (outcome.unfinished?.length) add("warn", `Left unfinished: ${outcome.unfinished.join(", ")}`);
  }
  // A plan does not change the state.
  if (outcome && !isPlan) {
    const { state_serial_before: before, state_serial_after: after } = outcome;
    if (Number.isFinite(after)) {
      add("disk", Number.isFinite(before) && before !== after ? `state serial ${before} → ${after} written`
        : before === after ? `state serial ${after}, unchanged` : `state serial ${after} written`);
    }
    if (typeof outcome.lock_released === "boolean") {
      add(outcome.lock_released ? "unlock" : "lock", outcome.lock_released ? "lock released" : "lock still held");
    }
  }
  const phases = phaseTimes(job);
  if (job.status === "SUCCESS" && phases.length) list.push({ icon: "time", isMinor: true, text: phases.map(([name, ms]) => `${name.toLowerCase()} ${span(ms)}`).join(", ") });
  if (job.log_state === "INCOMPLETE") list.push({ icon: "warn", text: "log incomplete", tone: "warn" });
  if (job.status === "FAILED" && error.more) list.push({ icon: "", text: error.more, long: true });
  // Announce a re-run only if it applies something; otherwise the button's title says it.
  if (apply?.rerun === "DEPLOY" && job.engine_state !== "STOPPING") list.push({ icon: "rerun", text: `Re-run: ${lower(stop(apply.rerun_note))}`, long: true });
  return list;
}

// The verdict says it already, except after a cancel, after a failure without details, and if a job was given up.
function isNews(job, error) {
  if (job.status === "CANCELLED" || job.given_up_at) return true;
  return job.status === "FAILED" && !error.more && !error.place && job.outcome.summary !== job.error_message;
}

/** How the work ended. The state is a separate fact. @param {any} job */
export function endText(job) {
  const { result, phase, exit_code: code, signal, summary } = job.outcome;
  // Without a phase, or if the end is unknown, only the Tendril's sentence says what happened.
  if (result === "UNKNOWN" || !phase) return stop(summary ?? "");
  const command = `${job.execution_metadata?.engine?.name ?? "terraform"} ${phase}`;
  const ended = Number.isFinite(code) ? `ended with exit status ${code}` : Number.isFinite(signal) ? `was ended by signal ${signal}` : "ended";
  const isPlan = job.job_type === "PLAN";
  if (job.given_up_at) {
    if (result !== "SUCCEEDED") return `Reported later: ${command} ${ended}`;
    return `Reported later: ${isPlan ? "plan saved" : job.job_type === "DESTROY" ? "destroyed" : "applied"}`;
  }
  if (result === "SUCCEEDED") return isPlan ? "The plan was saved" : `${command} had finished`;
  if (result === "INTERRUPTED") return code === 0 ? `Canceled after ${command}` : `${command} was interrupted and ${ended}`;
  return `${command} ${ended}`;
}

/**
 * The last heartbeat of a running job's Tendril. The server decides whether the Tendril is lost, because a page that
 * was offline itself has heard nothing.
 * @returns {{lost: boolean, text: string, more: string}}
 */
export function heartbeatText(job, worker) {
  const name = job.worker_name ?? "its Tendril";
  if (connection.isOffline || !worker?.last_seen_at) return { lost: false, text: `Running on ${name}`, more: "" };
  const seen = at(worker.last_seen_at);
  const silent = ticking(Math.max(0, now() - seen));
  const wasSilent = worker.known_at - seen >= 30_000;
  if (worker.status === "OFFLINE" || wasSilent) {
    return {
      lost: true, text: `No contact with ${name} for ${silent}.`,
      more: "Terraform may still be running; Vintner won't re-apply anything.",
    };
  }
  // A heartbeat comes every 10 s. If it is not known to be recent, its age is not shown.
  const isFresh = now() - worker.known_at < 30_000;
  return { lost: false, text: isFresh ? `Running on ${name}, heartbeat ${silent} ago` : `Running on ${name}`, more: "" };
}

/** The duration text. */
export function durationText(job) {
  const ended = at(job.completed_at);
  const started = at(job.started_at);
  const to = Number.isNaN(ended) ? knownNow() : ended;
  if (Number.isNaN(started)) {
    const waited = to - at(job.created_at);
    return Number.isNaN(ended) ? `waiting ${ticking(waited)}` : `waited ${ticking(waited)}`;
  }
  return { from: started, to };
}

/** The announcement for screen readers when the status changes. */
export function statusSentence(model) {
  const { job } = model;
  const said = verdict(model);
  return `${job.job_type} ${job.status.toLowerCase()}${said ? `. ${said}` : ""}`;
}

/**
 * What a queued job waits for, and what happens then.
 * @param {any} job
 * @returns {{before: string, job: string|null, after: string, then: string, isPinned: boolean}}
 *   before, job, after: the text, with a link to a job in it; isPinned: another Tendril might take the job
 */
export function waiting(job) {
  const wait = job.waiting_for ?? { kind: "nothing" };
  const rest = wait.starts_at ? at(wait.starts_at) - knownNow() : 0;
  const probably = rest > 0 ? `, probably in ${ticking(rest)}` : "";
  const then = `Starts automatically ${WHEN[wait.kind]?.(job) ?? "as soon as it can"}${probably}.`;
  const shown = { before: "Waiting for a Tendril", job: wait.job_id ?? null, after: "", then, isPinned: wait.kind === "tendril" };
  if (wait.kind === "job") return { ...shown, before: "Waiting for job ", after: " on the same vine" };
  if (wait.kind === "lock" && wait.job_id) {
    return { ...shown, before: `Waiting for the state lock held by ${wait.worker_name ?? "a Tendril"} (job `, after: ")" };
  }
  return wait.kind === "nothing" ? shown : { ...shown, before: stop(wait.message), job: null };
}

const WHEN = {
  job: (job) => `when job ${shortId(job.waiting_for.job_id)} ends`,
  lock: () => "when the lock is released",
  tendril: (job) => `when ${job.worker_name ?? "that Tendril"} is available`,
  no_tendril: () => "when one is available",
  slot: () => "when a Tendril is free",
};

const stop = (text) => text.trim().replace(/\.$/, "");
const lower = (text) => text.charAt(0).toLowerCase() + text.slice(1);

// Whether a saved plan may be applied; used by the status bar, the popover and the buttons.

/** The change counts of a job, its metadata or its plan. @returns {import("../../lib/changes.js").Changes|null} */
export function changesOf({ job, apply }) {
  const { execution_metadata: metadata } = job;
  const found = job.changes ?? metadata?.changes ?? metadata?.planned_changes ?? apply?.changes;
  return found && typeof found.add === "number" ? found : null;
}

/** The action that leads to a plan that may be applied. */
export const REMEDY = "Plan current configuration";

/** The verdict on a plan. @param {import("../model.js").JobModel} model */
export function planText(model) {
  const changes = changesOf(model);
  if (!changes) return "Plan complete";
  return isNothing(changes) ? "Plan: no changes" : `Plan: ${plannedText(changes)}`;
}

/** The status of the plan. @param {import("../model.js").Apply} apply @returns {Fact} */
export function planStatus(apply) {
  if (apply.deploy_id) return { icon: "DEPLOY", text: "Applied by job", job: apply.deploy_id };
  if (apply.valid) return { icon: "check", text: "Ready to apply. Nothing has changed since this plan." };
  const why = lower(stop(apply.reason ?? ""));
  return { icon: "warn", text: `${apply.outdated ? "Out of date" : "Can't be applied"}: ${why}`, tone: "warn" };
}

/** The text of the popover. @param {import("../model.js").JobModel} model */
export function checkOf(model) {
  const { apply } = model;
  const changes = changesOf(model);
  if (apply && !apply.valid) return { note: apply.reason, isBad: true, changes };
  const state = Number.isFinite(apply?.state_serial) ? `state serial ${apply.state_serial}` : "no state yet";
  const does = changes && isNothing(changes) ? " No changes." : "";
  return { note: `Starts a DEPLOY that applies exactly this plan. Nothing has changed since it was made (${state}).${does}`, isBad: false, changes };
}
