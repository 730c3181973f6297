// The phases of a job and how long each took, from the job's record.

import { span, ticking } from "../../lib/format.js";

/** @typedef {{name: string, started_at: string, ended_at: string|null}} Phase */

const at = (time) => (time ? Date.parse(time) : Number.NaN);
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll(/[-_]/g, " ");
// Reading the state of another backend is not a step that people wait for.
const isShown = (name) => name !== "pull" && !/^pull[-_]/.test(name);

/** @param {any} job @returns {Phase[]} */
const shownPhases = (job) => (job.phases ?? []).filter(({ name }) => isShown(name));

/**
 * How long each finished phase took, in milliseconds.
 * @param {any} job
 * @returns {[string, number][]}
 */
export function phaseTimes(job) {
  const phases = shownPhases(job).filter((phase) => phase.ended_at);
  if (phases.length) return phases.map(({ name, started_at: from, ended_at: to }) => [capital(name), at(to) - at(from)]);
  // Jobs that ended before phases were stored have durations only.
  const times = job.execution_metadata?.timing_ms ?? {};
  return ["init", "plan", "show", "apply"].filter((name) => typeof times[name] === "number").map((name) => [capital(name), times[name]]);
}

/**
 * The phases of a running job: finished ones with their time, the last one still running.
 * @param {any} job
 * @param {number} now
 * @returns {{name: string, text: string, done: boolean}[]}
 */
export function livePhases(job, now) {
  const list = [{ name: "Queue", text: span(at(job.claimed_at ?? job.started_at) - at(job.created_at)), done: true }];
  const phases = shownPhases(job);
  if (!phases.length) list.push({ name: "Running", text: ticking(now - at(job.started_at)), done: false });
  for (const { name, started_at: from, ended_at: to } of phases) {
    list.push({ name: capital(name), text: to ? span(at(to) - at(from)) : ticking(now - at(from)), done: Boolean(to) });
  }
  return list;
}
