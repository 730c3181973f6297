// Asks how the job stands, whatever the live feed does: the status every 3 s until it is terminal, then the job
// until its log is final. And, while it runs, whether its Tendril is still heard of.

import { ApiError, get } from "../lib/api.js";
import { sync } from "../lib/clock.js";

const EVERY = 3000;
const WORKERS_EVERY = 10_000;

export class Watch {
  #model;
  #timer = 0;
  #workersAt = -WORKERS_EVERY;
  #busy = false;
  /** When the server last answered, on this machine's clock; what the page shows is as old. */
  answeredAt = performance.now();
  /** True while the last question had no answer. */
  isCut = false;
  /** @type {() => void} */
  onChange = () => {};
  /** @type {(error: ApiError) => void} called once where the server refuses to answer */
  onRefused = () => {};

  /** @param {import("./model.js").JobModel} model */
  constructor(model) {
    this.#model = model;
  }

  get #path() {
    return `/api/jobs/${this.#model.job.id}`;
  }

  start() {
    this.#next(EVERY);
    this.#workers();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      if (!this.#model.isFinal) this.#ask();
      // A plan goes stale in silence, as by a change of its vine: nothing tells of it, so a second look is a new one.
      else if (this.#model.apply?.valid) this.refreshApply().catch(() => {});
    });
  }

  #next(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const model = this.#model;
      if (!model.isTerminal) {
        const before = model.job;
        const record = await get(`${this.#path}/status`);
        const isNews = record.status !== before.status && record.status !== model.job.status;
        // An answer carries no time: what came in the meantime is newer.
        if (model.job === before) model.takeStatus(record);
        if (isNews) await this.refresh();
        else if (model.job.status === "QUEUED") await this.refresh(); // what it waits for changes without a status
      } else if (!model.isFinal) {
        await this.refresh();
      }
      await this.#workers();
      this.#answered(true);
    } catch (error) {
      if (error instanceof ApiError && !error.isPassing) {
        this.onRefused(error);
        return; // asking again would change nothing
      }
      this.#answered(false);
    } finally {
      this.#busy = false;
    }
    if (!this.#model.isFinal) this.#next(EVERY);
  }

  /** Fetches the whole job. */
  async refresh() {
    const job = await get(this.#path);
    sync(job.server_now);
    this.#model.take(job);
    if (this.#isAsked) await this.refreshApply();
    if (!this.#model.isFinal) this.#next(EVERY);
  }

  /** What Apply and Re-run would do is not known yet, or may have changed. */
  get #isAsked() {
    const { job, apply, isTerminal } = this.#model;
    return isTerminal && (!apply?.rerun_note || job.job_type === "PLAN" && job.status === "SUCCESS" && !apply.valid);
  }

  /** Fetches whether the plan may still be applied, and what a re-run would make. */
  async refreshApply() {
    const apply = await get(`${this.#path}/apply-check`);
    this.#model.takeApply(apply);
    return apply;
  }

  /** A Tendril's row, as it changed. @param {any} worker */
  takeWorker(worker) {
    const { job } = this.#model;
    if (worker.id === job.worker_id && !this.#model.isFinal) this.#model.takeWorker({ ...this.#model.worker, ...worker });
  }

  async #workers() {
    const { status, worker_id: id, engine_state: engine } = this.#model.job;
    if (!id || status !== "PROCESSING" && status !== "CLAIMED" && engine !== "STOPPING") return;
    if (performance.now() - this.#workersAt < WORKERS_EVERY) return;
    this.#workersAt = performance.now();
    try {
      const { items } = await get("/api/workers");
      const worker = items.find((item) => item.id === id);
      if (worker) this.#model.takeWorker(worker);
    } catch { /* the status says enough */ }
  }

  #answered(yes) {
    if (yes) this.answeredAt = performance.now();
    if (this.isCut === !yes) return;
    this.isCut = !yes;
    this.onChange();
  }
}
