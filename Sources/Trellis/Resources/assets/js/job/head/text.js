// What the strip says of a job: one line of verdict, one of facts.

import { doneText, isNothing, plannedText } from "../../lib/changes.js";
import { connection, knownNow } from "../../lib/connection.js";
import { count, counted, shortId, span, ticking } from "../../lib/format.js";
import { now } from "../../lib/timing.js";
import { diagnosticOf } from "./diagnostic.js";
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

/** The job's error, taken apart. @param {any} job */
export const errorOf = (job) => diagnosticOf(job.error_message, [job.vine_id, job.id]);

/** @param {import("../model.js").JobModel} model @returns {string} */
export function verdict(model) {
  const { job } = model;
  const changes = changesOf(model);
  switch (job.status) {
    case "SUCCESS":
      if (job.job_type === "PLAN") return planText(model);
      if (job.job_type === "DESTROY") return changes ? `Destroy complete: ${count(changes.destroy)} destroyed` : "Destroy complete";
      return changes ? `Apply complete: ${doneText(changes)}` : "Apply complete";
    case "FAILED":
      return errorOf(job).cause || "Failed";
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

/**
 * How many warnings and errors a job has: as its record says, or the log.
 * @param {import("../model.js").JobModel} model
 * @param {{errors: number, warnings: number}} log
 */
export function diagnosticCounts({ job }, log) {
  const errors = job.status === "FAILED" ? Math.max(log.errors, errorOf(job).others + 1) : log.errors;
  return { errors, warnings: Math.max(job.warnings ?? 0, log.warnings) };
}

/**
 * The facts of a job that has ended.
 * @param {import("../model.js").JobModel} model
 * @param {{errors: number, warnings: number}} log how many the log names
 * @param {import("./phases.js").PhaseWatch} watch
 * @returns {Fact[]}
 */
export function facts(model, log, watch) {
  const { job, apply } = model;
  const { outcome } = job;
  /** @type {Fact[]} */
  const list = [];
  const add = (icon, text) => { if (text) list.push({ icon, text }); };
  const error = errorOf(job);
  const { errors, warnings } = diagnosticCounts(model, log);
  const isPlan = job.job_type === "PLAN" && job.status === "SUCCESS";

  if (job.status === "FAILED") {
    if (error.address) list.push({ icon: "", text: error.address, isCode: true });
    add("file", error.place);
    if (errors > 1) list.push({ icon: "FAILED", text: `and ${counted(errors - 1, "more error")}`, jump: "error" });
  }
  if (job.status === "CANCELLED" && job.engine_state === "NONE") add("exit", "Terraform never started: nothing was changed");
  if (job.status === "CANCELLED" && job.engine_state === "STOPPING") {
    const { lost, text, more } = contact(job, model.worker);
    if (lost) add("unplug", `${text} ${more}`);
    else if (job.forced) add("signal", "Terraform is killed before it can write its state. The vine stays locked until it exits.");
    else add("signal", "Terraform is finishing in-flight changes. The vine stays locked until it exits.");
  }
  if (isPlan && apply) list.push(standing(apply));
  // What was left out on purpose is part of what the plan is.
  if (job.targets?.length) list.push({ icon: "branch", text: `only ${job.targets.length === 1 ? job.targets[0] : counted(job.targets.length, "target")}`, tone: "warn" });
  if (job.refresh_only) list.push({ icon: "rerun", text: "refresh only" });
  if (warnings && job.status !== "FAILED") list.push({ icon: "warn", text: counted(warnings, "warning"), tone: "warn", jump: "warning" });
  if (outcome) {
    if (isNews(job, error)) list.push({ icon: "exit", text: reported(job), long: true });
    if (outcome.unfinished?.length) add("warn", `Left unfinished: ${outcome.unfinished.join(", ")}`);
  }
  // A plan leaves the state as it was.
  if (outcome && !isPlan) {
    const { serial_before: before, serial_after: after } = outcome;
    if (Number.isFinite(after)) {
      add("disk", Number.isFinite(before) && before !== after ? `state serial ${before} → ${after} written`
        : before === after ? `state serial ${after}, unchanged` : `state serial ${after} written`);
    }
    if (typeof outcome.lock_released === "boolean") {
      add(outcome.lock_released ? "unlock" : "lock", outcome.lock_released ? "lock released" : "lock still held");
    }
  }
  const phases = phaseTimes(job, watch).filter(([name]) => name !== "Queue");
  if (job.status === "SUCCESS" && phases.length) list.push({ icon: "time", isMinor: true, text: phases.map(([name, ms]) => `${name.toLowerCase()} ${span(ms)}`).join(", ") });
  if (job.log_state === "INCOMPLETE") list.push({ icon: "warn", text: "log incomplete", tone: "warn" });
  if (job.status === "FAILED" && error.more) list.push({ icon: "", text: error.more, long: true });
  // A re-run that applies something is said on the page; one that only plans, by its button.
  if (apply?.rerun === "DEPLOY" && job.engine_state !== "STOPPING") list.push({ icon: "rerun", text: `Re-run: ${lower(stop(apply.rerun_note))}`, long: true });
  return list;
}

/** @param {any} job */
export const isGivenUp = (job) => /^Given up\b/.test(job.error_message ?? "");

// The verdict says it already, except after a cancel, after a failure without details, and where a job was given up.
function isNews(job, error) {
  if (job.status === "CANCELLED" || isGivenUp(job)) return true;
  return job.status === "FAILED" && !error.more && !error.place && !sameText(job.outcome.summary, job.error_message);
}

// How it ended; what became of the state, the other half of the sentence, is a fact of its own.
function reported(job) {
  const { summary, result } = job.outcome;
  if (result === "UNKNOWN") return stop(summary ?? "");
  const ended = stop((summary ?? "").split(";")[0]);
  return isGivenUp(job) ? `Reported later: ${lower(ended)}` : ended;
}

/**
 * How the Tendril of a running job is heard of. Whether it is lost is the server's to say: a page that was cut off
 * itself has heard nothing from anybody.
 * @returns {{lost: boolean, text: string, more: string}}
 */
export function contact(job, worker) {
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
  // A heartbeat comes every 10 s; without news of it there is nothing to tell.
  const isFresh = now() - worker.known_at < 30_000;
  return { lost: false, text: isFresh ? `Running on ${name}, heartbeat ${silent} ago` : `Running on ${name}`, more: "" };
}

/** H3: what the duration says. */
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

/** One sentence for people who listen, when the status changes. */
export function statusSentence(model) {
  const { job } = model;
  const said = verdict(model);
  return `${job.job_type} ${job.status.toLowerCase()}${said ? `. ${said}` : ""}`;
}

/**
 * What a queued job waits for, and what comes then.
 * @returns {{text: string, then: string, job: string|null, isPinned: boolean}} isPinned: another Tendril might do
 */
export function waiting(job) {
  const wait = job.waiting_for ?? { kind: "nothing", message: "Waiting for a Tendril to take it" };
  return {
    text: wait.kind === "nothing" ? "Waiting for a Tendril to take it" : stop(wait.message),
    then: `Starts automatically ${WHEN[wait.kind]?.(job) ?? "as soon as it can"}.`,
    job: wait.job_id ?? null, isPinned: wait.kind === "tendril",
  };
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
const sameText = (a, b) => stop(a ?? "") === stop(b ?? "") || stop((b ?? "").trim().split("\n")[0]) === stop(a ?? "");

// Whether a saved plan may be applied, in words: the strip, the popover and the buttons say the same.

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

/** What became of the plan. @param {import("../model.js").Apply} apply @returns {Fact} */
export function standing(apply) {
  if (apply.deploy_id) return { icon: "DEPLOY", text: "Applied by job", job: apply.deploy_id };
  if (apply.valid) return { icon: "check", text: "Ready to apply. Nothing has changed since this plan." };
  const why = lower(stop(apply.reason ?? ""));
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
