// A plan's changes: loaded page by page, attributes when they are asked for.

import { query } from "../../lib/api.js";

const FIRST = 200;
const PAGE = 1000;

export class PlanData {
  /** @type {import("./words.js").Change[]} */
  changes = [];
  /** @type {any} */
  summary = { state: "none" };
  /** All of a complete plan is here. */
  isComplete = false;
  /** The earlier plan to compare with. @type {string|null} */
  base = null;
  /** @type {any} */
  comparison = null;
  /** A type that the address names. */
  type = "";
  #job;
  #get;
  /** The first page of changes, if the document came with it. */
  #first;
  /** @type {Map<string, Promise<any>>} */
  #details = new Map();
  /** @type {Map<number, any>} */
  #loaded = new Map();

  /** @param {string} job @param {(path: string) => Promise<any>} get @param {any} [first] what the document came with */
  constructor(job, get, first) {
    this.#job = job;
    this.#get = get;
    this.#first = first ?? null;
  }

  /** @param {() => void} arrived more is here */
  async load(arrived) {
    const changes = [];
    let cursor = null;
    do {
      const page = this.#first ?? await this.#get(`/api/jobs/${this.#job}/plan${query({ limit: cursor ? PAGE : FIRST, cursor })}`);
      this.#first = null;
      changes.push(...page.items);
      cursor = page.next_cursor ?? null;
      this.summary = page.summary;
      this.changes = changes;
      if (!cursor) this.isComplete = page.summary.state === "complete";
      if (!cursor && this.isComplete && this.base) await this.compareWith(this.base).catch(() => { this.base = null; });
      arrived();
    } while (cursor);
  }

  /** @param {string|null} base null for the whole plan */
  async compareWith(base) {
    this.comparison = base ? await this.#get(`/api/jobs/${this.#job}/plan/compare${query({ with: base })}`) : null;
    this.base = base;
  }

  /** @param {number} n @returns {Promise<import("../../lib/attribute-diff.js").Detail>} */
  async detail(n) {
    const detail = await this.detailOf(this.#job, n);
    this.#loaded.set(n, detail);
    return detail;
  }

  /** What is here already. @param {number} n */
  loaded(n) {
    return this.#loaded.get(n);
  }

  /** @param {string} job @param {number} n */
  detailOf(job, n) {
    const key = `${job}/${n}`;
    let detail = this.#details.get(key);
    if (!detail) {
      detail = this.#get(`/api/jobs/${job}/plan/resources/${n}`);
      detail.catch(() => this.#details.delete(key));
      this.#details.set(key, detail);
    }
    return detail;
  }
}
