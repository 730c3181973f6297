// The resources of the vine's newest state, by type, with the job that last changed each.

import { get, query } from "../lib/api.js";
import { h, icon, one } from "../lib/dom.js";
import { agoTime, count, shortId } from "../lib/format.js";
import { marked } from "../lib/invisible.js";
import { messageOf } from "../lib/toast.js";
import { VirtualList } from "../lib/virtual-list.js";
import { splitAddress } from "../job/changes/words.js";
import { cardOf, say, setCount, whyNone } from "./card.js";

const NARROW = matchMedia("(max-width: 46em)");
const FIRST = 200;
const PAGE = 1000;

const WORDS = {
  create: "created", update: "updated", delete: "deleted", import: "imported", replace_delete_first: "replaced", replace_create_first: "replaced",
};
const TRIED = { create: "create", update: "update", delete: "delete", import: "import", replace_delete_first: "replace", replace_create_first: "replace" };

export class ResourcesCard {
  #card = cardOf("resources");
  #path;
  #scroll = one("[data-scroll]", this.#card);
  #input = one("[data-filter]", this.#card);
  /** @type {VirtualList<Row>} */
  #list;
  /** @type {any[]} */
  #items = [];
  #state = null;
  #isCut = false;
  #shown = "";
  #run = 0;

  constructor(path) {
    this.#path = path;
    const box = h("div", { class: "vlist" });
    this.#scroll.append(box);
    this.#list = new VirtualList(this.#scroll, box, {
      key: (row) => row.key, isHead: (row) => row.isHead === true, make,
      height: (row) => (row.isHead ? 28 : NARROW.matches ? 52 : 32),
    });
    this.#input.addEventListener("input", () => this.#draw());
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.#input.value = "";
      this.#draw();
    });
  }

  focusFilter() {
    this.#input.focus();
  }

  /** @param {string} stamp changes when a job does, which may be the last one of a resource */
  async show(newest, vine, stamp) {
    const none = whyNone(newest, vine);
    const key = none || `${newest.number} ${vine.revision} ${stamp}`;
    if (key === this.#shown) return;
    this.#shown = key;
    if (none) {
      this.#items = [];
      this.#input.disabled = true;
      setCount(this.#card, null);
      say(this.#card, none);
      return;
    }
    try {
      await this.#load();
    } catch (error) {
      this.#shown = "";
      say(this.#card, messageOf(error));
    }
  }

  async #load() {
    const run = this.#run += 1;
    const items = [];
    const isFirst = !this.#items.length;
    let cursor = null;
    do {
      const page = await get(`${this.#path}/resources${query({ limit: cursor || !isFirst ? PAGE : FIRST, cursor })}`);
      if (run !== this.#run) return;
      items.push(...page.items);
      cursor = page.next_cursor ?? null;
      this.#state = page.state;
      this.#isCut = page.is_cut;
      setCount(this.#card, page.state?.problem ? null : page.total);
      // What is shown is kept until all of the new list is here.
      if (isFirst || !cursor) {
        this.#items = items;
        this.#draw();
      }
    } while (cursor);
  }

  #draw() {
    const { problem } = this.#state ?? {};
    this.#input.disabled = !this.#items.length;
    if (!this.#items.length) {
      say(this.#card, problem ?? "The state has no resources.");
      return;
    }
    const text = this.#input.value.trim().toLowerCase();
    /** @type {Row[]} */
    const rows = [];
    /** @type {Row|null} */
    let head = null;
    for (const item of this.#items) {
      if (text && !item.address.toLowerCase().includes(text)) continue;
      if (head?.type !== item.type) {
        head = { key: `h ${item.type}`, isHead: true, type: item.type, n: 0 };
        rows.push(head);
      }
      head.n += 1;
      rows.push({ key: `r ${item.address} ${item.deposed ?? ""} ${item.job_id ?? ""} ${item.action ?? ""}`, item });
    }
    say(this.#card, rows.length ? "" : "No resource matches.");
    // The number of a type is known only now.
    for (const row of rows) if (row.isHead) row.key = `${row.key} ${row.n}`;
    if (this.#isCut) rows.push({ key: "cut", isHead: true, type: "The state has more resources than are shown", n: 0 });
    this.#list.set(rows);
  }
}

/** @typedef {{key: string, isHead?: boolean, type?: string, n?: number, item?: any}} Row a resource, or the head of a type */

/** @param {Row} row */
function make({ isHead, type, n, item }) {
  if (isHead) return h("div", { class: "ty" }, marked(h("span", { class: "mono" }), type), n ? h("span", { class: "n", text: count(n) }) : null);
  const [module, rest] = splitAddress(item);
  const marks = [item.tainted ? "tainted" : "", item.deposed ? `deposed object ${item.deposed}` : ""].filter(Boolean);
  return h("div", { class: "res-row", "data-resource": item.address },
    h("code", { class: "addr", title: item.address }, h("bdi", {}, module ? marked(h("span", { class: "mod" }), module) : null, marked(h("span"), rest)), ...marks.map((text) => h("span", { class: "tag", text }))),
    h("span", { class: "did" }, item.action ? (item.failed ? h("span", { class: "warned" }, icon("warn", "s"), `failed to ${TRIED[item.action] ?? item.action}`) : WORDS[item.action] ?? item.action) : h("span", { class: "dim", title: "No job of this Vintner is known to have changed it", text: "–" })),
    h("span", { class: "by-job" }, item.job_id ? h("a", { class: "mono", href: `/dashboard/jobs/${item.job_id}?view=resources` }, shortId(item.job_id)) : null),
    h("span", { class: "when dim-2" }, item.changed_at ? agoTime(item.changed_at) : null));
}
