// What the strip says of a job: one line of verdict, one of facts.

import { now } from "../lib/clock.js";
import { count, shortId, span, ticking } from "../lib/format.js";
import { changesOf, planText, standing } from "./plan.js";

/** @typedef {{icon: string, text: string, job?: string, tone?: string, long?: boolean, isMinor?: boolean}} Fact job: a link to it ends the text */

const at = (time) => (time ? Date.parse(time) : Number.NaN);

/** @param {import("./model.js").JobModel} model @returns {string} */
export function verdict(model) {
  const { job } = model;
  const changes = changesOf(model);
  switch (job.status) {
    case "SUCCESS":
      if (job.job_type === "PLAN") return planText(model);
      if (job.job_type === "DESTROY") return changes ? `Destroy complete: ${count(changes.destroy)} destroyed` : "Destroy complete";
      return changes
        ? `Apply complete: ${count(changes.add)} added, ${count(changes.change)} changed, ${count(changes.destroy)} destroyed`
        : "Apply complete";
    case "FAILED":
      return stop(firstLine(job.error_message)) || "Failed";
    case "CANCELLED": {
      const who = job.cancelled_by ? `Cancelled by ${job.cancelled_by}` : "Cancelled by user";
      if (job.engine_state === "STOPPING") return `${who}; Terraform is ${job.forced ? "being killed" : "still stopping"}`;
      if (job.engine_state === "UNKNOWN") return `${who}; whether Terraform has stopped is not known`;
      return who;
    }
    default:
      return "";
  }
}

/** The facts of a job that has ended. @param {import("./model.js").JobModel} model @returns {Fact[]} */
export function facts(model) {
  const { job, apply } = model;
  const { outcome } = job;
  const list = [];
  const add = (icon, text) => { if (text) list.push({ icon, text }); };

  if (job.status === "FAILED") add("file", otherLines(job.error_message));
  if (job.status === "CANCELLED" && job.engine_state === "NONE") add("exit", "Terraform never started: nothing was changed");
  if (job.status === "CANCELLED" && job.engine_state === "STOPPING") {
    const { lost, text } = contact(job, model.worker, now());
    if (lost) add("unplug", text);
    else if (job.forced) add("signal", "It is killed without time to write its state; the vine is held until it is gone");
    else add("signal", "It was asked to stop and finishes what it has begun; the vine is held until it is gone");
  }
  const isPlan = job.job_type === "PLAN" && job.status === "SUCCESS";
  if (isPlan && apply) list.push(standing(apply));
  if (outcome) {
    // A verdict on top says it already, but for a cancel, and for a failure without details.
    const isNews = job.status === "CANCELLED" || job.status === "FAILED" && !otherLines(job.error_message) && !sameText(outcome.summary, job.error_message);
    if (isNews) add("exit", ended(outcome.summary));
    if (outcome.unfinished?.length) add("warn", `Begun and not finished: ${outcome.unfinished.join(", ")}`);
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
  const phases = phaseTimes(job).filter(([name]) => name !== "Queue");
  if (job.status === "SUCCESS" && phases.length) list.push({ icon: "time", isMinor: true, text: phases.map(([name, ms]) => `${name.toLowerCase()} ${span(ms)}`).join(", ") });
  if (job.log_state === "INCOMPLETE") list.push({ icon: "warn", text: "log incomplete", tone: "warn" });
  // That a plan is planned again needs no words.
  if (apply?.rerun_note && job.job_type !== "PLAN" && job.engine_state !== "STOPPING") list.push({ icon: "rerun", text: stop(apply.rerun_note), long: true });
  return list;
}

/**
 * How long each phase took, as the job's metadata has it.
 * @returns {[string, number][]}
 */
function phaseTimes(job) {
  const times = job.execution_metadata?.timing_ms ?? job.execution_metadata?.timing;
  if (!times || typeof times !== "object") return [];
  return Object.entries(times).filter(([, ms]) => typeof ms === "number")
    .sort(([a], [b]) => order(a) - order(b))
    .map(([name, ms]) => [capital(name.replace(/_ms$/, "")), ms]);
}

const ORDER = ["queue", "checkout", "init", "plan", "show", "apply", "upload"];
const order = (name) => (ORDER.indexOf(name.replace(/_ms$/, "")) + ORDER.length + 1) % (ORDER.length + 1);
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");

// The platform's own line at the start of each phase.
const PHASE = /\b(?:terraform|tofu)\s+(init|plan|show|apply|destroy)\b/;

/** Finds phases by the platform's lines, while the job's metadata does not tell yet. */
export class PhaseWatch {
  /** @type {{name: string, at: number}[]} */
  phases = [];

  /** @param {{stream: string, text: string, t: number}} line @returns {boolean} whether a phase began */
  take(line) {
    if (line.stream !== "SYSTEM") return false;
    const name = PHASE.exec(line.text)?.[1];
    if (!name) return false;
    const known = this.phases.find((phase) => phase.name === name);
    // The end of the log is here before its beginning: a phase began where it was named first.
    if (known && known.at <= line.t) return false;
    if (known) known.at = line.t;
    else this.phases.push({ name, at: line.t });
    this.phases.sort((a, b) => a.at - b.at);
    return true;
  }
}

/**
 * The phases of a running job: done ones with their time, the last one still going on.
 * @param {any} job
 * @param {PhaseWatch} watch
 * @param {number} now
 * @returns {{name: string, text: string, done: boolean}[]}
 */
export function livePhases(job, watch, now) {
  const list = [{ name: "Queue", text: span(at(job.claimed_at ?? job.started_at) - at(job.created_at)), done: true }];
  const known = watch.phases;
  if (!known.length) {
    list.push({ name: "Running", text: ticking(now - at(job.started_at)), done: false });
    return list;
  }
  known.forEach((phase, i) => {
    const next = known[i + 1];
    list.push({ name: capital(phase.name), text: next ? span(next.at - phase.at) : ticking(now - phase.at), done: Boolean(next) });
  });
  return list;
}

/** How the Tendril of a running job is heard of. @returns {{lost: boolean, text: string, more: string}} */
export function contact(job, worker, now) {
  const name = job.worker_name ?? "its Tendril";
  if (!worker?.last_seen_at) return { lost: false, text: `Running on ${name}`, more: "" };
  const silent = Math.max(0, now - at(worker.last_seen_at));
  if (worker.status === "OFFLINE" || silent >= 30_000) {
    return {
      lost: true, text: `Lost contact with ${name} ${ticking(silent)} ago, can still resume`,
      more: "Terraform may still be running there; nothing is applied again on its own.",
    };
  }
  return { lost: false, text: `Running on ${name}, heartbeat ${ticking(silent)} ago`, more: "" };
}

/** H3: what the duration says. */
export function durationText(job, now) {
  const ended = at(job.completed_at);
  const started = at(job.started_at);
  if (Number.isNaN(started)) {
    const waited = (Number.isNaN(ended) ? now : ended) - at(job.created_at);
    return Number.isNaN(ended) ? `waiting ${ticking(waited)}` : `waited ${ticking(waited)}`;
  }
  return { from: started, to: Number.isNaN(ended) ? now : ended };
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
    then: THEN[wait.kind] ?? "This job starts by itself as soon as it can.",
    job: wait.job_id ?? null, isPinned: wait.kind === "tendril",
  };
}

const THEN = {
  job: "This job starts by itself when that one ends.",
  lock: "This job starts by itself when the lock is released.",
  tendril: "This job starts by itself when that Tendril can take it, and on no other.",
  no_tendril: "This job starts by itself when there is one.",
  slot: "This job starts by itself when one is free.",
};

const firstLine = (text) => (text ?? "").trim().split("\n")[0].trim();
const otherLines = (text) => (text ?? "").trim().split("\n").slice(1).map((line) => line.trim()).filter(Boolean).join(" ");
const stop = (text) => text.trim().replace(/\.$/, "");
// How it ended; what became of the state, the other half of the sentence, is a fact of its own.
const ended = (summary) => stop((summary ?? "").split(";")[0]);
const sameText = (a, b) => stop(a ?? "") === stop(b ?? "") || stop(firstLine(b)) === stop(a ?? "");
