// A list of the API, one page at a time: however many rows there are, the document holds one page of them.

import { ApiError, get, query } from "./api.js";
import { all, one, setText } from "./dom.js";
import { count } from "./format.js";
import { pollWhileVisible } from "./timing.js";
import { announce, showError } from "./toast.js";

// How long to wait for the next key before a filtered list is fetched.
const TYPING_PAUSE = 150;

export class Pager {
  #path;
  #filter;
  #size;
  #run = 0;
  #failed = false;
  #timer = 0;
  /** Where each page up to this one begins. @type {(string|null)[]} */
  #starts = [null];
  /** @type {string|null} */
  #next = null;
  /** @type {any[]} */
  items = [];
  isLoading = true;
  /** @type {() => void} */
  onChange = () => {};

  /**
   * @param {string} path
   * @param {{size?: number, every: number, filter?: () => Record<string, any>}} options
   */
  constructor(path, { size = 50, every, filter = () => ({}) }) {
    this.#path = path;
    this.#size = size;
    this.#filter = filter;
    this.poll = pollWhileVisible(every, () => this.load());
  }

  /** The number of the first row. */
  get first() { return (this.#starts.length - 1) * this.#size + 1; }
  get hasPrevious() { return this.#starts.length > 1; }
  get hasNext() { return this.#next !== null; }
  /** Nothing matches. */
  get isEmpty() { return !this.isLoading && !this.items.length && !this.hasPrevious; }

  async load() {
    const run = this.#run += 1;
    try {
      const page = await get(`${this.#path}${query({ ...this.#filter(), limit: this.#size, cursor: this.#starts.at(-1) })}`);
      if (run !== this.#run) return; // a later question is under way
      this.items = page.items;
      this.#next = page.next_cursor ?? null;
      this.isLoading = false;
      this.#failed = false;
      this.onChange();
    } catch (error) {
      if (run !== this.#run) return;
      // Report only once.
      if (!this.#failed) showError(error);
      this.#failed = true;
      if (error instanceof ApiError && error.status === 401) this.poll.stop();
    }
  }

  async next() {
    if (this.#next === null) return;
    this.#starts.push(this.#next);
    await this.load();
  }

  async previous() {
    if (!this.hasPrevious) return;
    this.#starts.pop();
    await this.load();
  }

  /** The filters changed: fetches the first page, soon. @param {string} noun of a row */
  filterSoon(noun) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      this.#starts = [null];
      await this.load();
      announce(`${count(this.items.length)}${this.hasNext ? " or more" : ""} ${noun}${this.items.length === 1 ? "" : "s"}`);
    }, TYPING_PAUSE);
  }
}

/**
 * Draws and binds the controls below a list, `.pager`: they are hidden while everything is on one page.
 * @param {HTMLElement} root
 * @param {{hasPrevious: boolean, hasNext: boolean, first: number, items: any[], next: () => any, previous: () => any}} list
 * @returns {() => void} draws them
 */
export function bindPager(root, list) {
  const [previous, next] = [one("[data-previous]", root), one("[data-next]", root)];
  const turn = (button, other, step) => button.addEventListener("click", async () => {
    for (const each of all("button", root)) each.disabled = true;
    await step();
    draw();
    // At an end the button is disabled, and would lose the focus to nothing.
    (button.disabled ? other : button).focus();
  });
  const draw = () => {
    root.hidden = !list.hasPrevious && !list.hasNext;
    previous.disabled = !list.hasPrevious;
    next.disabled = !list.hasNext;
    setText(one("[data-range]", root), list.items.length ? `${count(list.first)} to ${count(list.first + list.items.length - 1)}` : "");
  };
  turn(previous, next, () => list.previous());
  turn(next, previous, () => list.next());
  return draw;
}

/** Pages of a list that is here already. */
export class LocalPager {
  #all = [];
  #at = 0;
  #size;
  /** @type {() => void} */
  onChange = () => {};

  /** @param {number} [size] */
  constructor(size = 50) { this.#size = size; }

  /** @param {any[]} items */
  set(items) {
    this.#all = items;
    while (this.#at > 0 && this.#at >= items.length) this.#at -= this.#size;
    this.onChange();
  }

  get items() { return this.#all.slice(this.#at, this.#at + this.#size); }
  get total() { return this.#all.length; }
  get first() { return this.#at + 1; }
  get hasPrevious() { return this.#at > 0; }
  get hasNext() { return this.#at + this.#size < this.#all.length; }
  next() { this.#at += this.hasNext ? this.#size : 0; this.onChange(); }
  previous() { this.#at = Math.max(0, this.#at - this.#size); this.onChange(); }
}
