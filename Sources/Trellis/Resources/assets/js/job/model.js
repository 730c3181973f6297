// The job's data. Several sources update it (the feed, the status poll, a fetch after a click), in
// any order; an older record never replaces a newer one.

import { now } from "../lib/timing.js";

/** @typedef {"QUEUED"|"CLAIMED"|"PROCESSING"|"SUCCESS"|"FAILED"|"CANCELLED"} Status */
/** @typedef {{valid: boolean, reason: string|null, remedy: "RERUN"|"PLAN_VINE"|null, deploy_id: string|null, state_serial: number|null, changes: import("../lib/changes.js").Changes|null, rerun: string|null, rerun_note: string|null, vine_deleted?: boolean|null, vine_changed?: boolean|null, outdated?: boolean|null}} Apply */

const TERMINAL = new Set(["SUCCESS", "FAILED", "CANCELLED"]);

export class JobModel {
  #listeners = new Set();

  /** @param {{job: any, vine: any, apply: Apply|null, access?: {missing?: Record<string, string>}}} data */
  constructor({ job, vine, apply, access }) {
    this.job = job.forecast ? { ...job, forecast_at: Date.parse(job.server_now) } : job;
    this.vine = vine;
    /** @type {Apply|null} */
    this.apply = apply ?? null;
    /** What the reader may do, and why not the rest. */
    this.access = access ?? null;
    /** The Tendril that has the job, as the list of Tendrils shows it. @type {any} */
    this.worker = null;
  }

  get isTerminal() {
    return TERMINAL.has(this.job.status);
  }

  /** True once the job has ended in every respect that its Tendril can be waited for. */
  get isFinal() {
    return this.isTerminal && this.job.log_state !== "OPEN" && this.job.engine_state !== "STOPPING";
  }

  /** True once nothing can be added. After a job was given up, its Tendril may still report. */
  get isSettled() {
    return this.isFinal && this.job.log_state === "COMPLETE" && this.job.engine_state !== "UNKNOWN";
  }

  /** @param {(model: JobModel, before: any) => void} listener called with the job before */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** @param {any} job a JobRecord */
  take(job) {
    if (!job || job.id !== this.job.id) return;
    if (Date.parse(job.server_now) < Date.parse(this.job.server_now)) return;
    if (this.isTerminal && !TERMINAL.has(job.status)) return;
    const before = this.job;
    if (job.forecast) job.forecast_at = Date.parse(job.server_now);
    // Partial updates keep missing fields; full records replace all fields.
    this.job = "config_snapshot" in job ? job : { ...before, waiting_for: undefined, ...job };
    this.#notify(before);
  }

  /** What `getJobStatus` answers: a few fields, and no time. @param {{status: Status, error_message?: string|null, progress?: any, forecast?: any}} record */
  takeStatus({ status, error_message, progress, forecast }) {
    const { job } = this;
    if (this.isTerminal || job.status === status && !progress && !job.progress) return;
    this.job = { ...job, status, error_message: error_message ?? job.error_message, progress, forecast, forecast_at: now() };
    this.#notify(job);
  }

  /** @param {Apply} apply */
  takeApply(apply) {
    this.apply = apply;
    this.#notify(this.job);
  }

  /** @param {any} worker @param {number} [at] when it was so, on the server's clock */
  takeWorker(worker, at = now()) {
    this.worker = { ...worker, known_at: at };
    this.#notify(this.job);
  }

  #notify(before) {
    for (const listener of this.#listeners) listener(this, before);
  }
}
