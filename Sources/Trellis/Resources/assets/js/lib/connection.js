// Whether the server can be reached: one verdict for the whole page, from every sign there is. Answers and live
// messages say that it can; requests that fail, silence after a question, and the browser's own events say that it may
// not, and then the page asks once more before it says so.

import { now } from "./timing.js";

// Nothing heard for this long: ask over the live connection. Nobody looks at a hidden page, so it doesn't ask.
const QUIET = 1500;
// Still nothing heard after this long: ask by a request, which fails after PATIENCE. Together they stay under 5 s.
const DOUBT = 2500;
const PATIENCE = 1500;
const TICK = 500;
// While it can't be reached, how often to try again; each page waits a little differently.
const RETRY = 1500;
// Two ticks this far apart: the page slept, and what it didn't hear in its sleep says nothing.
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
  /** When it was found out that the server can't be reached: times that tick stop here, for none may go back. */
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

  /** The server has said something. */
  heard() {
    this.#heard = performance.now();
    this.#isAsked = false;
    this.heardAt = now();
    this.#set(false);
  }

  /** A request had no answer. */
  missed() {
    this.#doubt();
  }

  /** Asks at once; what it says then is new. */
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
    // Over the live connection if there is one: it is cheaper than a request, and it is what lines come over.
    if (!this.#isAsked) {
      this.#isAsked = true;
      if (![...this.#askers].some((ask) => ask())) this.#ask();
    } else if (quiet >= DOUBT) {
      this.#ask();
    }
  }

  // One question at a time, beside everything else; that it fails is the answer.
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
    // Something else may have been heard in the meantime.
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

/** Now, for the server; while it can't be reached, when that was found out: nothing is known of the time since. */
export const knownNow = () => (connection.isOffline ? connection.lostAt : now());
