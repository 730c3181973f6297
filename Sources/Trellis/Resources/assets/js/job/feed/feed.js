// The live log: first its end, then rows over the live connection, resumed after the last one that
// arrived, for as long as it takes. Where the connection fails, the page polls over HTTP, so that
// a log ends correctly over any connection.

import { Backoff, now } from "../../lib/timing.js";
import { LogEndReader } from "./log-end.js";

/** @typedef {"connecting"|"live"|"lost"|"ended"|"refused"} FeedState */

/**
 * @typedef {object} FeedOptions
 * @property {string} job its id
 * @property {import("./log-api.js").LogApi} api
 * @property {import("./store.js").LineStore} store
 * @property {import("../../lib/realtime.js").Realtime} realtime the page's live connection
 * @property {() => boolean} isClosed whether the job's log has ended, as far as the job's record says
 * @property {() => boolean} isSettled whether nothing can be added to the log after its end
 * @property {() => void} onJob called when the job may have changed
 * @property {(worker: any, at: number) => void} onWorker takes a Tendril's row that has changed, and when
 */

const LOGS = "provision_job_logs";
const JOBS = "provision_jobs";
const WORKERS = "workers";
// The delay after which the feed counts as behind.
const LAG = 2000;
const QUIET = 700;
// After this time without a live connection, fetch lines over HTTP.
const PATIENCE = 4000;
// Consecutive failures, while HTTP works, after which WebSockets count as blocked.
const TRIES = 2;
const POLL = 1000;
// Retries for missing rows.
const ASKS = 3;
// If more rows than this were missed, skip them and load the end.
const FAR = 100;

export class Feed {
  #options;
  #store;
  #realtime;
  /** @type {import("../../lib/realtime-channel.js").Channel|null} */
  #channel = null;
  #catchUp;
  #backoff = new Backoff();
  #listeners = new Set();
  /** The log's last row when the channel was joined; the log is filled once that row has arrived. */
  #mark = Infinity;
  #failures = 0;
  #holes = 0;
  #lastLag = 0;
  #lastArrival = -QUIET;
  #impatience = 0;
  #isLate = false;
  #isAsked = false;
  /** @type {Promise<void>|null} */
  #reading = null;
  #isStopped = false;
  // When the log was last read without the live connection, on the server's clock.
  #readAt = now();
  #wake = () => {};

  /** True until the initial log has loaded. */
  isFilling = true;
  /** Live by polling. */
  isPolling = false;
  /** @type {FeedState} */
  state = "connecting";
  /** When the feed broke off, on the server's clock; 0 while connected. */
  lostAt = 0;
  /** A gap that the server could not fill. */
  hasHole = false;
  /** The status that the server refused the log with: 401, 403, 404. */
  refusal = 0;

  /** @param {FeedOptions} options */
  constructor(options) {
    this.#options = options;
    this.#store = options.store;
    this.#realtime = options.realtime;
    this.#catchUp = new LogEndReader(options.api, options.store);
    // The connection reconnects by itself.
    const readOn = () => { if (!document.hidden && this.state === "lost") this.#read(); };
    addEventListener("online", readOn);
    document.addEventListener("visibilitychange", readOn);
  }

  /** @param {() => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** The state to show: while the server sends the page elsewhere, nothing is lost. @returns {FeedState} */
  get shownState() {
    return this.state === "lost" && this.#realtime.isMoving ? "live" : this.state;
  }

  /** How far behind the newest line is, in ms, while lines are still coming in late; else 0. */
  get behind() {
    return this.#lastLag > LAG && performance.now() - this.#lastArrival < QUIET ? this.#lastLag : 0;
  }

  /** @param {import("./log-api.js").LogAnswer|null} [answer] the end of the log, where the page came with it */
  start(answer) {
    this.#isStopped = false;
    if (answer) this.#learn(this.#catchUp.take(answer));
    else this.#read();
  }

  stop() {
    this.#isStopped = true;
    this.#leave();
    this.#wake();
  }

  /** Retries immediately. */
  retryNow() {
    if (this.state !== "lost") return;
    this.#realtime.retryNow();
    this.#read();
  }

  /** Starts over, for example after a sign-in, or when a finished log continues. */
  restart() {
    if (this.state !== "ended" && this.state !== "refused") return;
    this.#leave();
    this.#set("connecting");
    this.start();
  }

  /**
   * The log has ended, or changed after its end: loads the missing lines. A log that may still be completed,
   * because its Tendril was given up and can return, is followed after its end too.
   */
  finish() {
    if (this.state !== "ended") {
      if (!this.#isOver) this.#read();
    } else if (!this.#isStopped) {
      if (this.#options.isSettled()) this.#leave();
      this.#read();
    }
  }

  /** True while new lines are pushed. */
  get isFollowed() {
    return this.#isJoined;
  }

  get #isOver() {
    return this.#isStopped || this.state === "refused" || this.state === "ended" && this.#options.isSettled();
  }

  get #isJoined() {
    return this.#channel?.isJoined ?? false;
  }

  // MARK: over the live connection

  #listen() {
    const { job, onJob, onWorker } = this.#options;
    const schema = "public";
    this.#startFallbackTimer();
    this.#channel = this.#realtime.channel(`job:${job}`, {
      bindings: () => [
        { event: "INSERT", schema, table: LOGS, filter: `job_id=eq.${job},seq=gt.${this.#store.lastSeq}` },
        { event: "*", schema, table: JOBS, filter: `id=eq.${job}` },
        { event: "*", schema, table: WORKERS },
      ],
      on: {
        [LOGS]: ({ record }) => { if (!this.#receive(record)) this.#channel?.rejoin(); },
        [JOBS]: onJob,
        [WORKERS]: ({ record, commit_timestamp: at }) => { if (record) onWorker(record, Date.parse(at)); },
      },
      onJoin: (bindings) => this.#joined(bindings),
      onReady: onJob, // changes from before the subscription
      onDown: (hasFailed) => this.#down(hasFailed),
    });
  }

  #leave() {
    this.#stopFallbackTimer();
    this.#channel?.leave();
    this.#channel = null;
  }

  #joined(bindings) {
    this.#stopFallbackTimer();
    this.#failures = 0;
    this.#realtime.setBlocked(false);
    this.#mark = bindings.find(({ table }) => table === LOGS)?.seq ?? 0;
    if (this.#mark - this.#store.lastSeq > FAR) {
      // Skip missed rows: rejoin from the end.
      this.#leave();
      this.#read();
      return;
    }
    this.#fill();
    this.#goLive(false);
  }

  #down(hasFailed) {
    if (this.#isOver) return;
    if (hasFailed) this.#failures += 1;
    // A finished log stays correct without a connection.
    if (this.state === "ended") return;
    if (!this.isPolling) this.#lose();
    this.#startFallbackTimer();
    this.#read();
  }

  // Counts from the first failure.
  #startFallbackTimer() {
    if (this.state === "ended") return;
    this.#impatience ||= setTimeout(() => {
      this.#isLate = true;
      this.#read();
    }, PATIENCE);
  }

  #stopFallbackTimer() {
    clearTimeout(this.#impatience);
    this.#impatience = 0;
    this.#isLate = false;
  }

  // MARK: over HTTP

  // Reads the end, and repeats at intervals while the live connection is blocked.
  #read() {
    this.#isAsked = true;
    this.#wake();
    this.#reading ??= this.#pollOnce().finally(() => { this.#reading = null; });
    return this.#reading;
  }

  async #pollOnce() {
    while (this.#isAsked && !this.#isStopped && this.state !== "refused") {
      this.#isAsked = false;
      const { count } = this.#store;
      const outcome = await this.#catchUp.run();
      if (this.#isStopped) return;
      if (outcome !== "silent") this.#readAt = now();
      if (this.#store.count > count) this.#arrived(this.#store.lastTime);
      this.#learn(outcome);
      if (this.state === "ended") continue;
      if (this.#isOver) return;
      if (!this.#isAsked && this.#canContinueAlone) {
        await this.#pause(outcome === "silent" ? this.#backoff.next() : POLL);
        this.#isAsked ||= this.#canContinueAlone;
      }
    }
  }

  // Nothing else will load the rest.
  get #canContinueAlone() {
    return this.isPolling || !this.#channel || this.#options.isClosed();
  }

  /** @param {import("./log-end.js").Outcome} outcome */
  #learn(outcome) {
    switch (outcome) {
      case "ended":
        this.#end();
        break;
      case "refused":
        this.#refuse();
        break;
      case "silent":
        if (this.#isJoined || this.state === "ended") break;
        // Server unreachable: WebSockets are not necessarily blocked.
        this.#failures = 0;
        this.#realtime.setBlocked(false);
        this.#lose();
        break;
      case "open":
        this.#backoff.reset();
        if (this.#options.isClosed()) this.#options.onJob(); // the job may have changed
        else if (!this.#channel) this.#listen();
        else if (!this.#isJoined && (this.#isLate || this.#failures >= TRIES)) this.#poll();
    }
  }

  #poll() {
    this.#realtime.setBlocked(this.#failures >= TRIES);
    this.isFilling = false;
    this.#goLive(true);
  }

  // MARK: incoming rows

  // False if earlier rows are missing.
  #receive(row) {
    if (this.#isOver) return true;
    if (row.seq > this.#store.lastSeq + 1 && !this.hasHole) {
      this.#holes += 1;
      if (this.#holes <= ASKS) return false;
      this.hasHole = true;
    }
    if (!this.#store.takeRow(row)) return true;
    if (!this.hasHole) this.#holes = 0;
    this.#arrived(Date.parse(row.created_at));
    return true;
  }

  #arrived(written) {
    this.#lastLag = Math.max(0, now() - written);
    this.#lastArrival = performance.now();
    this.#fill();
  }

  #fill() {
    if (!this.isFilling || this.#store.lastSeq < this.#mark) return;
    this.isFilling = false;
    this.#notify();
  }

  #goLive(isPolling) {
    if (this.state === "ended") return;
    const isNews = this.isPolling !== isPolling;
    this.isPolling = isPolling;
    this.lostAt = 0;
    if (this.state !== "live") this.#set("live");
    else if (isNews) this.#notify();
  }

  #lose() {
    this.isPolling = false;
    if (!this.lostAt) this.lostAt = Math.max(this.#readAt, this.#realtime.heardAt);
    this.#set("lost");
  }

  #end() {
    this.isFilling = false;
    this.isPolling = false;
    this.lostAt = 0;
    this.#stopFallbackTimer();
    this.#set("ended");
    if (this.#options.isSettled()) this.#leave();
    else if (!this.#channel) this.#listen();
  }

  #refuse() {
    this.isPolling = false;
    this.refusal = this.#catchUp.refusal;
    this.#leave();
    this.#set("refused");
  }

  async #pause(wait) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#wake = () => { clearTimeout(timer); resolve(); };
    });
    this.#wake = () => {};
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.#notify();
  }

  #notify() {
    for (const listener of this.#listeners) listener();
  }
}
