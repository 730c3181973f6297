// A list of the API on a page: its first page is in the page, more are fetched, all rows stay up to date.

import { ApiError, get, query } from "./api.js";
import { one } from "./dom.js";
import { counted } from "./format.js";
import { Realtime } from "./realtime.js";
import { pollWhileVisible, throttle, sync } from "./timing.js";
import { announce, showError } from "./toast.js";

// The maximum size of a page; older rows are not refreshed.
const MAX = 200;
const PAGE = 50;
// The maximum number of empty pages to skip before the user is asked.
const EMPTY_PAGES = 20;

export class LiveList {
  #path;
  #filter = () => ({});
  #run = 0;
  #failed = false;
  /** @type {any[]} */
  items = [];
  cursor = null;
  /** True until the first response. */
  isLoading = true;
  /** @type {() => void} */
  onChange = () => {};
  /** Called where asking again would change nothing. @type {() => void} */
  onRefused = () => {};

  /**
   * @param {string} path
   * @param {{first?: any, every: number, filter?: () => Record<string, any>}} options first: a page that is here already
   */
  constructor(path, { first, every, filter }) {
    this.#path = path;
    if (filter) this.#filter = filter;
    if (first) {
      sync(first.items[0]?.server_now);
      this.items = first.items;
      this.cursor = first.next_cursor ?? null;
      this.isLoading = false;
    }
    this.poll = pollWhileVisible(every, () => this.refresh());
    const more = document.querySelector("[data-more]");
    more?.addEventListener("click", () => this.more(more));
  }

  /** Fetches the first `count` items, for a list that is returned to. @param {number} count */
  async restore(count) {
    await this.refresh();
    while (this.cursor && this.items.length < count && !this.#failed) await this.more(null, Math.min(MAX, count - this.items.length));
  }

  /** Nothing matches, as far as the server has looked. */
  get isEmpty() { return !this.isLoading && !this.items.length && !this.cursor; }

  /** Fetches the list again. @param {{fromStart?: boolean}} [options] fromStart: the filters changed */
  async refresh({ fromStart = false } = {}) {
    const run = this.#run += 1;
    const want = fromStart ? PAGE : Math.min(MAX, Math.max(PAGE, this.items.length));
    try {
      const page = await get(`${this.#path}${query({ ...this.#filter(), limit: want })}`);
      sync(page.items[0]?.server_now);
      if (run !== this.#run) return; // a later question is under way
      const fresh = new Set(page.items.map((item) => item.id));
      const older = fromStart || this.items.length <= want ? [] : this.items.slice(want).filter((item) => !fresh.has(item.id));
      this.items = [...page.items, ...older];
      if (!older.length) this.cursor = page.next_cursor ?? null;
      this.isLoading = false;
      this.#failed = false;
      this.onChange();
      // A search checks a limited number of rows per page, so a page may be empty although another follows.
      for (let pages = 0; pages < EMPTY_PAGES && !this.items.length && this.cursor && !this.#failed; pages += 1) await this.more(null);
    } catch (error) {
      // Report only once.
      if (run === this.#run && !this.#failed) {
        this.#failed = true;
        showError(error);
      }
      if (error instanceof ApiError && error.status === 401) {
        this.poll.stop();
        this.onRefused();
      }
    }
  }

  /** @param {any} button @param {number} [limit] */
  async more(button, limit = PAGE) {
    if (!this.cursor) return;
    if (button) button.disabled = true;
    this.#run += 1;
    try {
      const page = await get(`${this.#path}${query({ ...this.#filter(), cursor: this.cursor, limit })}`);
      const known = new Set(this.items.map((item) => item.id));
      this.items.push(...page.items.filter((item) => !known.has(item.id)));
      this.cursor = page.next_cursor ?? null;
      this.onChange();
      this.#failed = false;
    } catch (error) {
      this.#failed = true;
      showError(error);
    } finally {
      if (button) button.disabled = false;
    }
  }
}

/**
 * Updates table rows to match items, and changes only what differs.
 * @param {HTMLElement} body
 * @param {any[]} items
 * @param {(item: any) => string} keyOf a row is made again when its key changes
 * @param {(item: any) => HTMLElement} make
 */
export function drawRows(body, items, keyOf, make) {
  const old = new Map([...body.children].map((row) => [row.dataset.id, row]));
  let at = body.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let row = old.get(item.id);
    if (!row || row.dataset.key !== key) {
      const made = make(item);
      made.dataset.id = item.id;
      made.dataset.key = key;
      if (row) {
        const focus = row.contains(document.activeElement) ? [...row.querySelectorAll("a, button")].indexOf(document.activeElement) : -1;
        if (row === at) at = made;
        row.replaceWith(made);
        if (focus >= 0) made.querySelectorAll("a, button")[focus]?.focus();
      }
      row = made;
    }
    old.delete(item.id);
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
  for (const row of old.values()) row.remove();
}

/** Shows or hides what replaces an empty list. @param {boolean} isEmpty @param {Node[]} content */
export function drawNothing(isEmpty, content) {
  const host = one("[data-nothing]");
  host.hidden = !isEmpty;
  one(".table-wrap").hidden = isEmpty;
  if (isEmpty) host.replaceChildren(...content);
}

// Keeps a list in step with a table of the server: a change triggers a reload. Polling continues, less often while
// changes are reported.

const GAP = 300;
const TOLD = 15_000;
const UNTOLD = 3000;

/**
 * @param {LiveList} list
 * @param {string} table
 */
export function followTable(list, table) {
  // A hidden list is loaded when it becomes visible again.
  const refresh = throttle(GAP, async () => { if (!document.hidden) await list.refresh(); });
  const channel = new Realtime().channel(table, {
    bindings: () => [{ event: "*", schema: "public", table }],
    on: { [table]: refresh },
    onReady: () => {
      list.poll.setInterval(TOLD);
      refresh(); // what changed before anybody listened
    },
    onDown: () => list.poll.setInterval(UNTOLD),
  });
  list.onRefused = () => channel.leave();
}

// The reader's place in a list: filters are in the URL; the loaded count and the scroll position are in the history
// entry. So *Back* and a reload lead to the same place.

/**
 * @param {LiveList} list
 * @param {() => void} [onFresh] where there is no place to go back to
 */
export async function keepPlace(list, onFresh = () => {}) {
  const place = history.state?.place;
  history.scrollRestoration = "manual";
  addEventListener("pagehide", () => save(list));
  // A discarded tab fires no `pagehide`.
  addEventListener("scrollend", () => save(list));
  if (!place) {
    if (list.isLoading) await list.refresh();
    onFresh();
    return;
  }
  await list.restore(place.count);
  scrollTo(0, place.top);
}

function save(list) {
  if (list.isLoading) return;
  history.replaceState({ ...history.state, place: { count: list.items.length, top: scrollY } }, "");
}

// How long to wait for the next key before a filtered list is fetched.
const TYPING_PAUSE = 150;

/**
 * What to call when a filter changes: shows the filters in the address, and soon afterwards the list that they select.
 * @param {LiveList} list
 * @param {() => Record<string, string>} filters
 * @param {string} noun of one item
 */
export function filterSoon(list, filters, noun) {
  let timer = 0;
  return () => {
    setFilters(filters());
    clearTimeout(timer);
    timer = setTimeout(async () => {
      await list.refresh({ fromStart: true });
      announce(`${counted(list.items.length, noun)}${list.cursor ? " or more" : ""}`);
    }, TYPING_PAUSE);
  };
}

/** Puts filters into the address, and begins at the top: another list is shown. @param {Record<string, string>} filters */
export function setFilters(filters) {
  const text = new URLSearchParams(Object.entries(filters).filter(([, value]) => value)).toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}
