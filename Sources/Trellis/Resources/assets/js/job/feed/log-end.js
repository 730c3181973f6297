// Reads the end of the log over HTTP: when the page opens, for a finished log, after a disconnect, and
// where nothing better gets through. At most two requests, however much is new.

import { ApiError } from "../../lib/api.js";

// Lines of the end that are fetched; up to this many new lines are loaded completely.
const END = 200;
const NEWS = 1000;

/**
 * The result: log ended, log open, no response, or refused.
 * @typedef {"ended"|"open"|"silent"|"refused"} Outcome
 */

export class LogEndReader {
  #api;
  #store;
  /** The status that the server refused with: 401, 403, 404. */
  refusal = 0;

  /** @param {import("./log-api.js").LogApi} api @param {import("./store.js").LineStore} store */
  constructor(api, store) {
    this.#api = api;
    this.#store = store;
  }

  /** @returns {Promise<Outcome>} */
  async run() {
    try {
      const answer = await this.#end();
      if (!answer) return "silent"; // a proxy responded
      return this.take(answer);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (![401, 403, 404].includes(error.status)) return "silent";
      this.refusal = error.status;
      return "refused";
    }
  }

  /** @param {import("./log-api.js").LogAnswer} answer that reaches the end of the log @returns {Outcome} */
  take(answer) {
    this.#store.takeEnd(answer);
    // The state was read before the lines, so that nothing can follow those of a log that is not open.
    return answer.logState === "OPEN" ? "open" : "ended";
  }

  async #end() {
    const { count } = this.#store;
    if (count) {
      const answer = await this.#api.lines({ from: count + 1, count: NEWS });
      if (!answer || answer.total <= count + NEWS) return answer;
    }
    return this.#api.lines({ tail: END });
  }
}
