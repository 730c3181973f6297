// The resources of a job, in the order in which they are listed, and the time axis that all of them share.

/** @typedef {{action: string, started_at: string, ended_at?: string, first_line?: number}} Part */

/**
 * @typedef {object} Resource
 * @property {string} address
 * @property {string} action
 * @property {"waiting"|"refreshing"|"running"|"done"|"failed"|"unknown"} state
 * @property {string} [started_at]
 * @property {string} [ended_at]
 * @property {number} [first_line]
 * @property {Part[]} [parts] of a replacement: what was destroyed and created, in this order
 * @property {string[]} waits_for
 * @property {boolean} critical
 */

/** @typedef {{title: string, note: string, items: Resource[], isBad?: boolean}} Group */

export const isOpen = (item) => item.state === "running" || item.state === "refreshing";
const start = (item) => (item.started_at ? Date.parse(item.started_at) : Infinity);

/** How long a part took, or has taken so far; null if that is not known. @param {Resource} item @param {Part} part @param {number} now */
export function partTook(item, part, now) {
  const end = part.ended_at ? Date.parse(part.ended_at) : part === item.parts.at(-1) && isOpen(item) ? now : null;
  return end === null || !part.started_at ? null : Math.max(0, end - Date.parse(part.started_at));
}

/** How long it took, or has taken so far, without what lies between a replacement's parts; null if that is not known. @param {Resource} item @param {number} now */
export function elapsed(item, now) {
  if (!item.started_at) return null;
  if (item.parts?.length) {
    const known = item.parts.map((part) => partTook(item, part, now)).filter((took) => took !== null);
    return known.length ? known.reduce((sum, took) => sum + took, 0) : null;
  }
  if (item.ended_at) return Math.max(0, Date.parse(item.ended_at) - start(item));
  return isOpen(item) ? Math.max(0, now - start(item)) : null;
}

export class Resources {
  /** By address. @type {Map<string, Resource>} */
  #items = new Map();
  revision = 0;

  get size() {
    return this.#items.size;
  }

  /** @param {string} address */
  get(address) {
    return this.#items.get(address);
  }

  get all() {
    return [...this.#items.values()];
  }

  /** How many are in a state. @param {...string} states */
  count(...states) {
    let found = 0;
    for (const item of this.#items.values()) if (states.includes(item.state)) found += 1;
    return found;
  }

  /** Takes a response; false if nothing is new. @param {{items: Resource[], revision: number, is_partial: boolean}} answer */
  take({ items, revision, is_partial: isPartial }) {
    this.revision = revision;
    if (isPartial && !items.length) return false;
    if (isPartial) {
      for (const item of this.#items.values()) item.critical = false;
    } else {
      this.#items.clear();
    }
    for (const item of items) this.#items.set(item.address, item);
    return true;
  }

  /**
   * The groups that a list shows. @param {{order: string, text: string, criticalOnly: boolean, isEnded: boolean, now: number}} options
   * @returns {Group[]}
   */
  groups({ order, text, criticalOnly, isEnded, now }) {
    const wanted = text.toLowerCase();
    const items = this.all.filter((item) => (!criticalOnly || item.critical) && item.address.toLowerCase().includes(wanted));
    const slow = (a, b) => (elapsed(b, now) ?? -1) - (elapsed(a, now) ?? -1);
    if (order === "slowest") return nonEmpty([{ title: "Resources", note: "slowest first", items: items.sort(slow) }]);
    if (order === "start") {
      return nonEmpty([{ title: "Resources", note: "in the order of their beginning", items: items.sort((a, b) => compare(start(a), start(b))) }]);
    }
    const of = (...states) => items.filter((item) => states.includes(item.state));
    const running = of("running", "refreshing").sort((a, b) => compare(start(a), start(b)));
    const waiting = of("waiting");
    const forOthers = waiting.filter((item) => item.waits_for.length).length;
    return nonEmpty([
      { title: "Failed", note: "", items: of("failed"), isBad: true },
      { title: "Unknown", note: "the log does not show how they ended", items: of("unknown"), isBad: true },
      { title: "Running", note: "", items: running },
      { title: isEnded ? "Not started" : "Waiting", note: isEnded ? "" : waitNote(waiting.length, forOthers), items: waiting },
      { title: "Done", note: "latest first", items: of("done").sort((a, b) => compare(ended(b), ended(a))) },
    ]);
  }

  /**
   * The time axis: from the first beginning to the last end, or to now, with a tick at every `step`.
   * @param {number} now
   * @param {number} ticks at most
   * @returns {{from: number, to: number, step: number}|null} null before anything has begun
   */
  axis(now, ticks) {
    let from = Infinity;
    let to = -Infinity;
    for (const item of this.#items.values()) {
      if (!item.started_at) continue;
      from = Math.min(from, start(item));
      to = Math.max(to, isOpen(item) ? now : Math.max(start(item), ended(item)));
    }
    if (from === Infinity) return null;
    const length = Math.max(to - from, 1000);
    const step = STEPS.find((ms) => length / ms <= ticks) ?? Math.ceil(length / ticks / 86_400_000) * 86_400_000;
    // While it runs, the axis grows a step at a time, so that bars do not shrink with every second.
    return { from, to: from + Math.ceil((length + 1) / step) * step, step };
  }
}

const STEPS = [200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000];
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const ended = (item) => (item.ended_at ? Date.parse(item.ended_at) : item.started_at ? Date.parse(item.started_at) : 0);
const nonEmpty = (groups) => groups.filter((group) => group.items.length);

function waitNote(all, forOthers) {
  if (!all) return "";
  if (forOthers === all) return "for another resource";
  return forOthers ? `${all - forOthers} for a slot, ${forOthers} for another resource` : "for a slot";
}
