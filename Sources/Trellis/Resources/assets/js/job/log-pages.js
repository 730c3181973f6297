// The log read the plain way, a page at a time: for a log that has ended, and for where nothing better gets through.

import { ApiError, call } from "../lib/api.js";

const PAGE = 1000;

/**
 * What came of reading on: the log has ended and is here; it is here as far as it goes; the server does not answer;
 * or it refuses to.
 * @typedef {"ended"|"open"|"silent"|"refused"} Outcome
 */

export class LogPages {
  #job;
  #store;
  #take;
  /** The status that the server refused with: 401, 403, 404. */
  refusal = 0;

  /**
   * @param {string} job
   * @param {import("./store.js").LineStore} store
   * @param {(row: import("./store.js").LogRow) => boolean} take false to read no further
   */
  constructor(job, store, take) {
    this.#job = job;
    this.#store = store;
    this.#take = take;
  }

  /**
   * Reads what comes after the last row that is here.
   * @param {() => boolean} isEnough asked between pages: a loud log would keep this going for ever
   * @returns {Promise<Outcome>}
   */
  async readOn(isEnough) {
    try {
      for (;;) {
        const page = await call("GET", `/api/jobs/${this.#job}/logs?after=${this.#store.lastSeq}&limit=${PAGE}`);
        if (!Array.isArray(page?.chunks)) return "silent"; // something in between answered
        // The state was read before the rows, so that no row can follow an empty page of a log that is not open.
        if (!page.chunks.length) return page.log_state === "OPEN" ? "open" : "ended";
        if (!page.chunks.every((row) => this.#take(row)) || isEnough()) return "open";
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (![401, 403, 404].includes(error.status)) return "silent";
      this.refusal = error.status;
      return "refused";
    }
  }
}
