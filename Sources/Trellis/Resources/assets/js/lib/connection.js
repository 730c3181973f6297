// Whether the server can be reached: one state for the whole page, from all signals. Responses and live messages show
// that it can; failed requests, missing replies and the browser's events show that it may not, and then the page checks
// once more before it reports that.

import { now } from "./timing.js";

// After this long without a message, check over the live connection. A hidden page does not check.
const QUIET = 1500;
// After this long without a message, check with a request, which fails after PATIENCE. Together they stay under 5 s.
const DOUBT = 2500;
const PATIENCE = 1500;
const TICK = 500;
// The retry interval while the server can't be reached, plus jitter.
const RETRY = 1500;
// Two ticks this far apart mean that the page slept, so the silence proves nothing.
const SLEPT = 2000;

class Connection {
  #heard = performance.now();
  #isAsked = false;
  #ticked = performance.now();
  /** @type {AbortController|null} */
  #probe = null;
  #nextTry = 0;
  #uses = 0;
  #listeners = new Set();
  /** @type {Set<() => boolean>} */
  #askers = new Set();

  isOffline = false;
  /** When the server was last heard, on its own clock, in milliseconds since 1970. */
  heardAt = now();
  /** When the connection was found to be lost: ticking times stop here, because they must not go back. */
  lostAt = 0;

  constructor() {
    addEventListener("offline", () => this.#doubt());
    addEventListener("online", () => this.#doubt());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#doubt(); });
    setInterval(() => this.#tick(), TICK);
  }

  /** @param {() => void} listener called when `isOffline` has changed */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /**
   * While the page is visible, silence is checked; otherwise only requests and the browser report.
   * @param {boolean} yes
   */
  watch(yes) {
    this.#uses += yes ? 1 : -1;
    if (yes && this.#uses === 1) this.#heard = performance.now();
  }

  /** @param {() => boolean} asker asks the server over an open connection; false without one */
  addAsker(asker) {
    this.#askers.add(asker);
  }

  /** A message or response has arrived. */
  heard() {
    this.#heard = performance.now();
    this.#isAsked = false;
    this.heardAt = now();
    this.#set(false);
  }

  /** A request got no response. */
  missed() {
    this.#doubt();
  }

  /** Checks at once. */
  #doubt() {
    this.#nextTry = 0;
    this.#ask();
  }

  #tick() {
    const time = performance.now();
    const slept = time - this.#ticked > SLEPT;
    this.#ticked = time;
    if (slept) {
      this.#isAsked = false;
      this.#heard = Math.max(this.#heard, time - QUIET);
    }
    if (this.isOffline) {
      if (time >= this.#nextTry) this.#ask();
      return;
    }
    if (!this.#uses || document.hidden) return;
    const quiet = time - this.#heard;
    if (quiet < QUIET) return;
    // Use the live connection if there is one: it is cheaper than a request, and it delivers the lines.
    if (!this.#isAsked) {
      this.#isAsked = true;
      if (![...this.#askers].some((ask) => ask())) this.#ask();
    } else if (quiet >= DOUBT) {
      this.#ask();
    }
  }

  // One check at a time; a failure is a result, too.
  async #ask() {
    if (this.#probe) return;
    const probe = this.#probe = new AbortController();
    const timer = setTimeout(() => probe.abort(), PATIENCE);
    const began = performance.now();
    try {
      const { status } = await fetch("/healthz", { signal: probe.signal, cache: "no-store", credentials: "omit" });
      if (status === 502 || status === 504) this.#failed(began); // something in between has answered
      else this.heard();
    } catch {
      this.#failed(began);
    } finally {
      clearTimeout(timer);
      this.#probe = null;
    }
  }

  #failed(began) {
    this.#nextTry = performance.now() + RETRY * (1 + Math.random() / 2);
    // Another message may have arrived in the meantime.
    if (this.#heard < began) this.#set(true);
  }

  #set(isOffline) {
    if (this.isOffline === isOffline) return;
    this.isOffline = isOffline;
    if (isOffline) this.lostAt = now();
    for (const listener of this.#listeners) listener();
  }
}

export const connection = new Connection();

/** Now, for the server; while it can't be reached, the time when the connection was lost. */
export const knownNow = () => (connection.isOffline ? connection.lostAt : now());
