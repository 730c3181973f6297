// Loads the rows in view and some ahead in the scroll direction. One request at a time; one that
// is no longer wanted is aborted. While the scroll bar is dragged, it waits until the drag rests.

import { ApiError } from "../../lib/api.js";
import { Backoff } from "../../lib/timing.js";

const REST = 60;
// Rows beyond the mounted ones that should be here too, and how many are asked for at once, in the direction of travel.
const AHEAD = 150;
const BATCH = 400;

export class LineLoader {
  #api;
  #view;
  #page;
  #backoff = new Backoff();
  #timer = 0;
  #wanted = { first: 0, end: 0, direction: 0 };
  /** @type {{first: number, end: number, controller: AbortController}|null} */
  #pending = null;

  /** True while visible lines can't be loaded. */
  isFailing = false;

  /**
   * @param {import("./log-api.js").LogApi} api
   * @param {import("../viewer/view.js").LineView} view
   * @param {{filled: () => void, changed: () => void, refused: (error: ApiError) => void}} page
   *   filled: rows have come; changed: `isFailing` has
   */
  constructor(api, view, page) {
    this.#api = api;
    this.#view = view;
    this.#page = page;
    addEventListener("online", () => { if (this.isFailing) this.#go(); });
  }

  /**
   * These rows are looked at.
   * @param {number} first @param {number} end
   * @param {{direction?: number, isMoving?: boolean}} how isMoving: they may be others in a moment
   */
  request(first, end, { direction = 0, isMoving = false } = {}) {
    this.#wanted = { first: first - (direction < 0 ? AHEAD : 0), end: end + (direction > 0 ? AHEAD : 0), direction };
    this.#view.use(first, end);
    if (isMoving) this.#later(REST);
    else if (!this.isFailing) this.#go();
  }

  /** What the rows are has changed. */
  reset() {
    this.#abort();
    this.#wanted = { first: 0, end: 0, direction: 0 };
    clearTimeout(this.#timer);
  }

  /**
   * Finds the row of line `n`, and fetches what is around it.
   * @param {number} n
   * @param {AbortSignal} signal
   * @returns {Promise<number>} the last row, where no line that is shown comes after it
   */
  async locate(n, signal) {
    const known = this.#view.rowOf(n);
    if (known !== undefined) return known;
    const { streams } = this.#view;
    const answer = await this.#api.lines({ from: n, count: BATCH, streams }, signal);
    if (!answer || streams !== this.#view.streams) throw new DOMException("other rows", "AbortError");
    this.#view.take(answer);
    this.#page.filled();
    return Math.max(0, Math.min(answer.row, this.#view.length - 1));
  }

  #later(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#go(), wait);
  }

  #go() {
    clearTimeout(this.#timer);
    const { first, end, direction } = this.#wanted;
    const gap = this.#view.missing(first, end);
    if (this.#pending) {
      const { first: from, end: to } = this.#pending;
      // Load the most urgent rows first.
      if (gap && from < end && first < to) return;
      this.#abort();
    }
    if (gap) this.#fetch(widen(gap, direction, this.#view.length));
    else this.#fails(false);
  }

  #abort() {
    this.#pending?.controller.abort();
    this.#pending = null;
  }

  async #fetch({ first, end }) {
    const controller = new AbortController();
    this.#pending = { first, end, controller };
    const { streams } = this.#view;
    const place = streams ? { row: first } : { from: first + 1 };
    try {
      const answer = await this.#api.lines({ ...place, count: end - first, streams }, controller.signal);
      if (controller.signal.aborted) return;
      if (!answer?.lines.length) throw new ApiError(0, "The server returned no lines.");
      this.#pending = null;
      this.#view.take(answer, first);
      this.#backoff.reset();
      this.#page.filled();
    } catch (error) {
      if (controller.signal.aborted) return;
      this.#pending = null;
      if (!(error instanceof ApiError)) throw error;
      this.#fails(true);
      if (error.isTransient) this.#later(this.#backoff.next());
      else this.#page.refused(error);
      return;
    }
    this.#go();
  }

  #fails(yes) {
    if (this.isFailing === yes) return;
    this.isFailing = yes;
    this.#page.changed();
  }
}

/** More than is missing, in the direction of travel. */
function widen({ first, end }, direction, length) {
  return direction < 0
    ? { first: Math.max(0, Math.min(first, end - BATCH)), end }
    : { first, end: Math.min(length, Math.max(end, first + BATCH)) };
}
