// The log as it comes: one stream of events, resumed after the last chunk that arrived, for as long as it takes.
// Between two tries a page is fetched the plain way, so that a log ends right even where no stream gets through.
// Another transport stands in its place by offering the same: start, stop, retryNow, state, onChange.

import { call } from "../lib/api.js";
import { now } from "../lib/clock.js";
import { readEvents } from "./sse.js";

/** @typedef {"connecting"|"live"|"lost"|"ended"|"refused"} FeedState */

const FIRST_WAIT = 500;
const MAX_WAIT = 15_000;
// The server sends a comment at least every 30 s; silence for longer is a dead connection.
const SILENCE = 50_000;
const PAGE = 1000;
// A page that nobody looks at gives its connection back after a while: over HTTP/1.1 a browser has six for all tabs.
const UNSEEN = 30_000;
// How far a chunk may lag behind its writing before the feed counts as behind.
const LAG = 2000;
const QUIET = 700;

export class Feed {
  #job;
  #store;
  #onJob;
  #listeners = new Set();
  #abort = new AbortController();
  #tries = 0;
  #holes = 0;
  #wake = () => {};
  #stopped = false;
  #lastLag = 0;
  #lastArrival = -QUIET;
  #watchdog = 0;
  #settling = 0;
  #dozing = 0;
  #isAsleep = false;

  /** True until the log as it was at the start has come. */
  isFilling = true;
  /** @type {FeedState} */
  state = "connecting";
  /** When the stream broke off, on the server's clock; 0 while it stands. */
  lostAt = 0;
  /** A hole in the numbers that the server could not fill. */
  hasHole = false;
  /** The status that the server refused the stream with: 401, 403, 404. */
  refusal = 0;

  /**
   * @param {string} job
   * @param {import("./store.js").LineStore} store
   * @param {(job: any) => void} onJob takes a JobRecord
   */
  constructor(job, store, onJob) {
    this.#job = job;
    this.#store = store;
    this.#onJob = onJob;
    addEventListener("online", () => this.retryNow());
    document.addEventListener("visibilitychange", () => this.#seen(!document.hidden));
  }

  /** @param {() => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** How far behind the newest line is, in ms, while lines are still coming in late; else 0. */
  get behind() {
    return this.#lastLag > LAG && performance.now() - this.#lastArrival < QUIET ? this.#lastLag : 0;
  }

  /** How late the newest line stood on the page, in ms. */
  get lag() {
    return this.#lastLag;
  }

  async start() {
    while (!this.#stopped) {
      try {
        await this.#stream();
        if (this.state === "ended" || this.#stopped) return;
      } catch (error) {
        if (this.#stopped) return;
        if ([401, 403, 404].includes(error?.status)) {
          this.refusal = error.status;
          this.#set("refused");
          return;
        }
      }
      if (this.#isAsleep) {
        await new Promise((resolve) => { this.#wake = resolve; });
        this.#set("connecting");
        continue;
      }
      if (!this.lostAt) this.lostAt = now();
      this.#set("lost");
      if (await this.#catchUp()) {
        this.#end();
        return;
      }
      await this.#pause();
    }
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#watchdog);
    this.#abort.abort();
    this.#wake();
  }

  /** Tries at once, where it waits. */
  retryNow() {
    if (this.state === "lost") {
      this.#tries = 0;
      this.#wake();
    }
  }

  /** Starts over, as after a sign-in, or where a log that seemed to have ended went on. */
  restart() {
    if (this.state !== "ended" && this.state !== "refused") return;
    this.#set("connecting");
    this.start();
  }

  #seen(isSeen) {
    clearTimeout(this.#dozing);
    if (!isSeen) {
      this.#dozing = setTimeout(() => {
        if (this.state !== "live" && this.state !== "connecting") return;
        this.#isAsleep = true;
        this.#abort.abort();
      }, UNSEEN);
    } else if (this.#isAsleep) {
      this.#isAsleep = false;
      this.#wake();
    } else {
      this.retryNow();
    }
  }

  async #stream() {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const alive = () => {
      clearTimeout(this.#watchdog);
      this.#watchdog = setTimeout(() => this.#abort.abort(), SILENCE);
    };
    alive();
    try {
      await readEvents(`/api/jobs/${this.#job}/logs/stream?after=${this.#store.lastSeq}`, {
        signal,
        onOpen: () => {
          this.lostAt = 0;
          this.#settle();
          this.#set("live");
        },
        onBytes: () => {
          this.#tries = 0;
          alive();
        },
        onEvent: (type, data) => this.#event(type, data),
      });
    } finally {
      clearTimeout(this.#watchdog);
      this.#abort.abort();
    }
  }

  #event(type, data) {
    if (this.state === "ended") return;
    if (type === "chunk") this.#take(JSON.parse(data));
    else if (type === "job") this.#onJob(JSON.parse(data));
    else if (type === "end") this.#end();
  }

  #take(row) {
    const { lastSeq } = this.#store;
    if (row.seq > lastSeq + 1 && !this.hasHole) {
      // Rows are contiguous, so some are missing: ask again from the last that is whole, a few times.
      this.#holes += 1;
      if (this.#holes <= 3) throw new Error(`rows ${lastSeq + 1} to ${row.seq - 1} are missing`);
      this.hasHole = true;
    }
    if (!this.#store.append(row)) return;
    this.#lastLag = Math.max(0, now() - Date.parse(row.created_at));
    this.#lastArrival = performance.now();
    if (this.isFilling) {
      if (this.#lastLag < LAG) this.isFilling = false;
      else this.#settle();
    }
  }

  // Nothing says where the backlog ends; a quiet moment does.
  #settle() {
    if (!this.isFilling) return;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.isFilling = false;
      this.#tell();
    }, QUIET);
  }

  // Reads on in pages. True where the log has ended, and is here.
  async #catchUp() {
    try {
      for (;;) {
        const after = this.#store.lastSeq;
        const page = await call("GET", `/api/jobs/${this.#job}/logs?after=${after}&limit=${PAGE}`);
        for (const row of page.chunks) this.#take(row);
        if (!page.chunks.length) return page.log_state !== "OPEN";
        // Up to what is new; from there on a stream is better, and a loud log would keep this going for ever.
        if (this.#store.lastSeq === after || this.#lastLag < LAG) return false;
      }
    } catch {
      return false;
    }
  }

  #end() {
    clearTimeout(this.#settling);
    this.isFilling = false;
    this.lostAt = 0;
    this.#set("ended");
    this.#abort.abort();
  }

  async #pause() {
    const wait = Math.min(MAX_WAIT, FIRST_WAIT * 2 ** Math.min(this.#tries, 10));
    this.#tries += 1;
    // Half of it is chance, so that a thousand pages do not come back at once.
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait / 2 + Math.random() * wait / 2);
      this.#wake = () => { clearTimeout(timer); resolve(); };
    });
    this.#wake = () => {};
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.#tell();
  }

  #tell() {
    for (const listener of this.#listeners) listener();
  }
}
