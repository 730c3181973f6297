// Polls the job, independently of the live feed: the status every 3 s until it is terminal, then the job until its log
// is final, then rarely, for as long as something can still be added. While the job runs, also polls its Tendril.

import { ApiError, get } from "../../lib/api.js";
import { connection } from "../../lib/connection.js";
import { throttle, sync } from "../../lib/timing.js";

const EVERY = 3000;
// The live feed reports what is added after the end; this poll is for when it doesn't get through.
const LATE = 15_000;
const WORKERS_EVERY = 10_000;
// Give up on a response after this long, and ask again.
const TIMEOUT = 5000;
// An apply stores its state many times a second; throttle the check of a plan.
const APPLY_GAP = 500;

export class StatusPoll {
  #model;
  #realtime;
  #timer = 0;
  #workersAt = -WORKERS_EVERY;
  #busy = false;
  /** @type {import("../../lib/realtime-channel.js").Channel|null} */
  #plan = null;
  /** True while the last request got no response. */
  isCut = false;
  /** Whether nothing else reports changes of the record: then the poll fetches it. @type {() => boolean} */
  needsRecord = () => false;
  /** @type {() => void} */
  onChange = () => {};
  /** @type {(error: ApiError) => void} called once if the server refuses */
  onRefused = () => {};

  /**
   * @param {import("../model.js").JobModel} model
   * @param {import("../../lib/realtime.js").Realtime} realtime
   */
  constructor(model, realtime) {
    this.#model = model;
    this.#realtime = realtime;
  }

  get #path() {
    return `/api/jobs/${this.#model.job.id}`;
  }

  start() {
    this.#next(EVERY);
    this.#workers();
    this.#followPlan();
    this.#model.onChange(() => this.#followPlan());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#catchUp(); });
    // Discard what was known before the connection was lost.
    connection.onChange(() => {
      this.#workersAt = -WORKERS_EVERY;
      if (!connection.isOffline) this.#catchUp();
      this.onChange();
    });
  }

  #catchUp() {
    if (!this.#model.isSettled) this.#ask();
    if (this.#isOpenPlan) this.refreshApply().catch(() => {});
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
        const record = await get(`${this.#path}/status`, { timeout: TIMEOUT });
        const isNews = record.status !== before.status && record.status !== model.job.status;
        // The response has no timestamp; newer data may have arrived.
        if (model.job === before) model.takeStatus(record);
        if (isNews) await this.refresh();
        else if (model.job.status === "QUEUED" || this.needsRecord()) await this.refresh(); // waits and phases change without a status
      } else if (!model.isSettled) {
        await this.refresh();
      }
      await this.#workers();
      this.#answered(true);
    } catch (error) {
      if (error instanceof ApiError && !error.isTransient) {
        this.onRefused(error);
        return; // asking again would change nothing
      }
      this.#answered(false);
    } finally {
      this.#busy = false;
    }
    this.#nextIfNeeded();
  }

  #nextIfNeeded() {
    const { isFinal, isSettled } = this.#model;
    if (!isSettled) this.#next(isFinal ? LATE : EVERY);
  }

  /** Fetches the whole job. */
  async refresh() {
    const job = await get(this.#path, { timeout: TIMEOUT });
    sync(job.server_now);
    this.#model.take(job);
    if (this.#isAsked) await this.refreshApply();
    this.#nextIfNeeded();
  }

  /** Whether the apply check is missing or may have changed. */
  get #isAsked() {
    const { job, apply, isTerminal } = this.#model;
    return isTerminal && (!apply?.rerun_note || job.job_type === "PLAN" && job.status === "SUCCESS" && !apply.valid);
  }

  /** Fetches whether the plan may still be applied, and what a re-run would make. */
  async refreshApply() {
    const apply = await get(`${this.#path}/apply-check`, { timeout: TIMEOUT });
    this.#model.takeApply(apply);
    return apply;
  }

  // ---- a saved plan, which a change of its vine can make outdated

  get #isOpenPlan() {
    const { job, apply } = this.#model;
    return job.job_type === "PLAN" && job.status === "SUCCESS" && !apply?.deploy_id;
  }

  #followPlan() {
    if (this.#isOpenPlan === Boolean(this.#plan)) return;
    if (this.#plan) {
      this.#plan.leave();
      this.#plan = null;
      return;
    }
    const { id, vine_id: vine } = this.#model.job;
    const ask = throttle(APPLY_GAP, () => this.refreshApply().catch(() => {}));
    this.#plan = this.#realtime.channel(`plan:${id}`, {
      bindings: () => [
        { event: "*", schema: "public", table: "vines", filter: `id=eq.${vine}` },
        { event: "INSERT", schema: "public", table: "provision_jobs", filter: `plan_job_id=eq.${id}` },
      ],
      on: { vines: ask, provision_jobs: ask },
      onReady: ask, // what changed before anybody listened
    });
  }

  // ---- the Tendril

  /**
   * A Tendril's row, as it changed. A connection that was cut brings late what was said long ago, so it counts from then.
   * @param {any} worker
   * @param {number} at when that was, on the server's clock
   */
  takeWorker(worker, at) {
    const { job } = this.#model;
    if (worker.id === job.worker_id && !this.#model.isFinal) this.#model.takeWorker({ ...this.#model.worker, ...worker }, at);
  }

  async #workers() {
    const { status, worker_id: id, engine_state: engine } = this.#model.job;
    if (!id || status !== "PROCESSING" && status !== "CLAIMED" && engine !== "STOPPING") return;
    if (performance.now() - this.#workersAt < WORKERS_EVERY) return;
    this.#workersAt = performance.now();
    try {
      const { items } = await get("/api/workers", { timeout: TIMEOUT });
      const worker = items.find((item) => item.id === id);
      if (worker) this.#model.takeWorker(worker);
    } catch { /* the status says enough */ }
  }

  #answered(yes) {
    if (this.isCut === !yes) return;
    this.isCut = !yes;
    this.onChange();
  }
}
