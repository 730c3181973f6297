// The phases of a job and how long each took: as its metadata has them once it ended, before that by the platform's
// lines in the log.

import { span, ticking } from "../../lib/format.js";

const at = (time) => (time ? Date.parse(time) : Number.NaN);

/**
 * How long each phase took, as the job's metadata has it. A phase that another one followed took as long as the strip
 * said while the job ran: until the next one began.
 * @param {any} job
 * @param {PhaseWatch} watch
 * @returns {[string, number][]}
 */
export function phaseTimes(job, watch) {
  const times = job.execution_metadata?.timing_ms ?? job.execution_metadata?.timing;
  if (!times || typeof times !== "object") return [];
  return Object.entries(times).filter(([, ms]) => typeof ms === "number")
    .sort(([a], [b]) => order(a) - order(b))
    .map(([name, ms]) => [capital(name.replace(/_ms$/, "")), watch.took(name) ?? ms]);
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

  /** How long a phase took that another one followed, in milliseconds. @param {string} name @returns {number|undefined} */
  took(name) {
    const i = this.phases.findIndex((phase) => phase.name === name);
    return i >= 0 && this.phases[i + 1] ? this.phases[i + 1].at - this.phases[i].at : undefined;
  }

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
