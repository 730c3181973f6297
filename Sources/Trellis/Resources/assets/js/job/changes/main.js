// The view Changes: what the job's plan does to each resource, and why.

import { copyFrom } from "../../lib/copy.js";
import { all, h, icon } from "../../lib/dom.js";
import { count, counted } from "../../lib/format.js";
import { asMarkdown, asText } from "./copy.js";
import { PlanData } from "./data.js";
import { VirtualList } from "../../lib/virtual-list.js";
import { checkRow, headRow, outputRow, resourceRow } from "./rows.js";
import { CHIPS, emptyText, GROUPS, groupOf, sign } from "./words.js";

/** @typedef {import("./rows.js").Row} Row */

const NARROW = matchMedia("(max-width: 46em)");
const CHIP_SIGNS = { replace: "replace_delete_first", delete: "delete", update: "update", create: "create", other: "move" };
const GROUP_OF = new Map(GROUPS.map((group) => [group.name, group]));

/**
 * @param {{model: import("../model.js").JobModel, get: (path: string) => Promise<any>, plan?: any, announce: (text: string) => void, refused: (error: any) => void}} page
 * @returns {import("../views.js").View}
 */
export function open(page) {
  const view = new ChangesView(page);
  return { panel: view.panel, shown: () => view.shown(), key: (event) => view.key(event) };
}

class ChangesView {
  panel;
  #page;
  #data;
  #list;
  #chips = h("div", { class: "group acts-f", role: "group", "aria-label": "Actions" });
  #input = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: "Filter by address", "aria-label": "Filter by address", autocomplete: "off", autocapitalize: "off", spellcheck: "false" }));
  #type = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "Type of resource" }));
  #scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Changes" });
  #note = h("div", { class: "none", hidden: true });
  #compareBar = h("div", { class: "compare-bar", hidden: true });
  #filters = h("div", { class: "filters-x", id: "changes-filters" });
  /** @type {Set<string>} chips that are off */
  #off = new Set();
  #open = /** @type {Set<string>} */ (new Set());
  #current = "";
  #wanted = "";
  #isLoading = false;

  constructor(page) {
    this.#page = page;
    this.#data = new PlanData(page.model.job.id, page.get, page.plan);
    this.#readAddress();
    const copy = this.#button("copy", "Copy as text (c)", () => this.#copy(copy, asText, "Copied as text"));
    const markdown = this.#button("file", "Copy as Markdown", () => this.#copy(markdown, asMarkdown, "Copied as Markdown"));
    const filter = this.#button("filter", "Filter", () => {
      const isOpen = this.panel.toggleAttribute("data-filters");
      filter.setAttribute("aria-expanded", String(isOpen));
    }, "t-filter");
    filter.setAttribute("aria-expanded", "false");
    filter.setAttribute("aria-controls", "changes-filters");
    this.#filters.append(this.#chips, h("span", { class: "sep" }),
      h("search", { class: "find" }, icon("search", "s"), this.#input, h("kbd", { "aria-hidden": "true", text: "/" })), h("span", { class: "pick-type" }, this.#type));
    this.panel = h("section", { class: "log-panel doc changes", "aria-label": "Changes" },
      h("div", { class: "tools", role: "toolbar", "aria-label": "Changes tools" }, h("span", { class: "spacer" }), this.#filters, h("span", { class: "sep" }),
        h("div", { class: "group" }, this.#button("expand", "Open or close all (x)", () => this.#toggleAll()), copy, markdown, filter)),
      h("div", { class: "body" }, this.#compareBar, h("div", { class: "scroll-box" }, this.#scroll, this.#note)));
    const box = h("div", { class: "vlist" });
    this.#scroll.append(box);
    this.#list = new VirtualList(this.#scroll, box, {
      key: (row) => row.key, isHead: (row) => row.isHead === true, make: (row) => this.#make(row),
      height: (row) => (row.isHead ? 32 : NARROW.matches ? 60 : 32),
    });
    this.#input.addEventListener("input", () => this.#filtered());
    this.#type.addEventListener("change", () => this.#filtered());
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.#input.value = "";
      this.#filtered();
      this.#scroll.focus({ preventScroll: true });
    });
    this.#scroll.addEventListener("focusin", (event) => {
      const row = event.target instanceof Element ? event.target.closest("[data-key]") : null;
      if (row) this.#setCurrent(row.dataset.key);
    });
    page.model.onChange((model, before) => {
      const isNews = model.job.status !== before.status || model.job.completed_at !== before.completed_at || model.job.phases?.length !== before.phases?.length;
      if (isNews && !this.#data.isComplete && !this.panel.hidden) this.#load();
    });
  }

  // ---- the view's part of the page

  shown() {
    this.#readHash();
    if (this.#data.isComplete) this.#draw();
    else this.#load();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const run = {
      "/": () => this.#input.focus(), j: () => this.#step(1), k: () => this.#step(-1), ArrowDown: () => this.#step(1), ArrowUp: () => this.#step(-1),
      ArrowRight: () => this.#setOpen(true), ArrowLeft: () => this.#setOpen(false), x: () => this.#toggleAll(),
      c: () => this.#copy(null, asText, "Copied as text"), Escape: () => this.#clear(),
    }[event.key];
    const isArrow = event.key.startsWith("Arrow");
    if (!run || isArrow && !(this.#scroll.contains(document.activeElement) || document.activeElement === document.body)) return false;
    if (isArrow && document.activeElement instanceof Element && document.activeElement.closest(".open")) return false;
    if (/^(ArrowRight|ArrowLeft)$/.test(event.key) && !this.#current) return false;
    run();
    return true;
  }

  #button(name, title, run, extra = "") {
    return h("button", { class: `tool ${extra}`.trim(), type: "button", "aria-label": title.replace(/ \(.\)$/, ""), title, on: { click: run } }, icon(name));
  }

  // ---- the address

  #readAddress() {
    const query = new URLSearchParams(location.search);
    const shown = query.get("action")?.split(",").map(groupOf);
    if (shown) for (const [name, groups] of CHIPS) if (!groups.some((group) => shown.includes(group)) && !shown.includes(name)) this.#off.add(name);
    this.#input.value = query.get("q") ?? "";
    this.#data.type = query.get("type") ?? "";
    this.#data.base = query.get("with");
  }

  #readHash() {
    let name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch { /* as it is */ }
    this.#wanted = name;
  }

  #writeAddress() {
    const query = new URLSearchParams({ view: "changes" });
    if (this.#off.size) query.set("action", CHIPS.map(([name]) => name).filter((name) => !this.#off.has(name)).join(","));
    if (this.#type.value) query.set("type", this.#type.value);
    if (this.#input.value) query.set("q", this.#input.value);
    if (this.#data.base) query.set("with", this.#data.base);
    history.replaceState(history.state, "", `${location.pathname}?${query}`);
  }

  #link(row) {
    const address = new URL(location.href);
    address.search = "?view=changes";
    address.hash = encodeURIComponent(row.change.address);
    return address.href;
  }

  // ---- data

  async #load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      await this.#data.load(() => this.#draw());
    } catch (error) {
      this.#say("The changes couldn't be loaded", error instanceof Error ? error.message : String(error), { text: "Try again", run: () => this.#load() });
      if (error?.status === 401) this.#page.refused(error);
    } finally {
      this.#isLoading = false;
    }
  }

  // ---- drawing

  #draw() {
    const { summary } = this.#data;
    this.#drawChips();
    this.#drawTypes();
    this.#drawCompare();
    const rows = this.#rows();
    this.#list.set(rows);
    const label = this.#data.comparison ? "Differences to the earlier plan" : `Changes, ${counted(summary.total ?? 0, "resource")}`;
    this.#scroll.setAttribute("aria-label", label);
    if (!this.#list.rows.some((row) => row.key === this.#current)) this.#setCurrent(rows.find((row) => !row.isHead)?.key ?? "");
    else this.#setCurrent(this.#current);
    const isEmpty = !this.#data.changes.length && !summary.outputs?.length && !summary.checks?.length;
    if (rows.length) this.#note.hidden = true;
    else if (this.#data.comparison) this.#say("Nothing is different", `Both plans do the same to ${counted(this.#data.comparison.counts.same, "resource")}.`);
    else if (isEmpty) this.#say(...emptyText(summary, this.#page.model.isTerminal));
    else this.#say("All changes are hidden by the filters", "", { text: "Clear the filters", run: () => this.#clear() });
    this.#goToWanted();
  }

  /** @param {string} title @param {string} [text] @param {{text: string, run: () => void}} [action] */
  #say(title, text = "", action) {
    this.#note.hidden = false;
    this.#note.replaceChildren(icon("PLAN"), h("h2", { text: title }), text ? h("p", { text }) : "", action ? h("button", { class: "btn small", type: "button", on: { click: action.run } }, action.text) : "");
  }

  /** @returns {Row[]} */
  #rows() {
    if (this.#data.comparison) return this.#comparedRows();
    const text = this.#input.value.trim().toLowerCase();
    const type = this.#type.value;
    /** @type {Map<string, Row[]>} */
    const groups = new Map();
    const add = (name, row) => (groups.get(name) ?? groups.set(name, []).get(name)).push(row);
    for (const change of this.#data.changes) {
      if (text && !change.address.toLowerCase().includes(text) || type && change.type !== type) continue;
      const name = change.drift ? "drift" : groupOf(change.action);
      add(name, { key: `r${change.n}`, group: GROUP_OF.get(name), change });
    }
    for (const output of this.#data.summary.outputs ?? []) {
      if (!type && (!text || output.name.toLowerCase().includes(text))) add("output", { key: `o${output.name}`, group: GROUP_OF.get("output"), output });
    }
    (this.#data.summary.checks ?? []).forEach((check, i) => {
      if (!type && (!text || check.address.toLowerCase().includes(text))) add("check", { key: `c${i}`, group: GROUP_OF.get("check"), check });
    });
    const hidden = new Set(CHIPS.filter(([name]) => this.#off.has(name)).flatMap(([, names]) => names));
    return GROUPS.flatMap((group) => {
      const own = groups.get(group.name);
      return own && !hidden.has(group.name) ? [{ key: `h${group.name}`, group, isHead: true, count: own.length }, ...own] : [];
    });
  }

  /** @returns {Row[]} */
  #comparedRows() {
    const { items, counts } = this.#data.comparison;
    const titles = { new: ["New", "not in the earlier plan"], different: ["Different", "changed in another way than before"], gone: ["Gone", "only in the earlier plan"] };
    const text = this.#input.value.trim().toLowerCase();
    const type = this.#type.value;
    return Object.entries(titles).flatMap(([kind, [title, say]]) => {
      const own = items.filter((item) => item.kind === kind && (!type || item.change.type === type) && item.change.address.toLowerCase().includes(text));
      if (!own.length) return [];
      const group = { name: kind, title, say };
      return [{ key: `h${kind}`, group, isHead: true, count: own.length === items.filter((item) => item.kind === kind).length ? counts[kind] : own.length },
        ...own.map((item) => ({
          key: `${kind}${item.change.n}`, group: { ...group, isHarm: /^(replace|delete)/.test(item.change.action) }, change: item.change, mark: title,
          base: kind === "new" ? undefined : { n: item.base_n, job: this.#data.base },
        }))];
    });
  }

  #make(row) {
    if (row.isHead) return headRow(row);
    if (row.check) return checkRow(row);
    /** @type {import("./rows.js").Page} */
    const page = {
      isOpen: ({ key }) => this.#open.has(key),
      toggled: ({ key }, isOpen) => { if (isOpen) this.#open.add(key); else this.#open.delete(key); },
      detail: ({ change, group, base }) => (group.name === "gone" ? this.#data.detailOf(base.job, base.n) : this.#data.detail(change.n)),
      baseDetail: ({ group, base }) => (group.name === "different" ? this.#data.detailOf(base.job, base.n) : Promise.resolve(null)),
      resized: () => this.#list.resized(),
      link: (of) => this.#link(of),
      isMarked: ({ change }) => change.address === this.#wanted,
    };
    const node = row.output ? outputRow(row, page) : resourceRow(row, page);
    if (row.key === this.#current) node.querySelector("summary").tabIndex = 0;
    return node;
  }

  #drawChips() {
    const { actions = {}, outputs = [], checks = [] } = this.#data.summary;
    const of = (groups) => Object.entries(actions).reduce((sum, [action, n]) => sum + (groups.includes(groupOf(action)) ? n : 0), 0)
      + (groups.includes("output") ? outputs.length + checks.length : 0);
    const focused = all("button", this.#chips).indexOf(document.activeElement);
    this.#chips.replaceChildren(...CHIPS.map(([name, groups]) => h("button", {
      class: "tool act", type: "button", "aria-pressed": String(!this.#off.has(name)), "data-action": name, title: `Show ${name}`,
      on: { click: () => {
        if (!this.#off.delete(name)) this.#off.add(name);
        this.#filtered();
      } },
    }, h("span", { class: "g", "data-a": name === "other" ? "move" : name, "aria-hidden": "true", text: sign(CHIP_SIGNS[name]) }), `${name} `, h("span", { class: "n", text: count(of(groups)) }))));
    if (focused >= 0) all("button", this.#chips)[focused]?.focus();
  }

  #drawTypes() {
    const types = this.#data.summary.types ?? [];
    if (this.#type.options.length === types.length + 1 && this.#type.options.length > 1) return;
    this.#type.replaceChildren(h("option", { value: "", text: "All types" }), ...types.map((type) => h("option", { value: type, text: type })));
    this.#type.value = types.includes(this.#data.type) ? this.#data.type : "";
  }

  #drawCompare() {
    const { job } = this.#page.model;
    const { base, comparison } = this.#data;
    const earlier = base ?? (job.job_type === "PLAN" ? job.rerun_of : null);
    this.#compareBar.hidden = !earlier || !this.#data.isComplete;
    this.panel.toggleAttribute("data-compare", !this.#compareBar.hidden);
    if (this.#compareBar.hidden) return;
    const short = earlier.slice(0, 8);
    const counts = comparison?.counts;
    const sentence = !counts ? ["This plan repeats ", h("a", { href: `/dashboard/jobs/${earlier}?view=changes`, class: "mono" }, short), "."]
      : [`Since plan `, h("a", { href: `/dashboard/jobs/${earlier}?view=changes`, class: "mono" }, short), `: ${count(counts.new)} new, ${count(counts.different)} different, ${count(counts.gone)} gone, ${count(counts.same)} the same.`];
    this.#compareBar.replaceChildren(h("span", { role: "status" }, ...sentence), h("button", {
      class: "btn small", type: "button", "data-compare-toggle": true, on: { click: () => this.#compare(counts ? null : earlier) },
    }, counts ? "Show the whole plan" : "Show only what is different"));
  }

  async #compare(base) {
    try {
      await this.#data.compareWith(base);
    } catch (error) {
      this.#page.refused(error);
    }
    this.#open.clear();
    this.#writeAddress();
    this.#draw();
  }

  // ---- filters

  #filtered() {
    this.#writeAddress();
    this.#scroll.scrollTop = 0;
    this.#draw();
  }

  #clear() {
    this.#off.clear();
    this.#input.value = "";
    this.#type.value = "";
    this.#filtered();
  }

  #copy(button, write, said) {
    const changes = this.#list.rows.filter((row) => row.change).map((row) => row.change);
    copyFrom(button, write(changes, ({ n }) => (this.#open.has(`r${n}`) ? this.#data.loaded(n) : undefined)), said);
  }

  // ---- moving and opening

  #goToWanted() {
    if (!this.#wanted) return;
    const row = this.#list.rows.find(({ change }) => change?.address === this.#wanted);
    if (!row) {
      if (this.#data.isComplete) this.#wanted = "";
      return;
    }
    for (const marked of all("[data-at]", this.#scroll)) marked.removeAttribute("data-at");
    this.#open.add(row.key);
    this.#list.reveal(this.#list.indexOf(row.key), { atTop: true });
    const node = this.#list.element(row.key);
    if (node instanceof HTMLDetailsElement) {
      node.dataset.at = "";
      if (!node.open) { this.#open.delete(row.key); node.open = true; }
    }
    this.#setCurrent(row.key);
    this.#wanted = "";
  }

  #setCurrent(key) {
    for (const summary of all('summary[tabindex="0"]', this.#scroll)) summary.tabIndex = -1;
    this.#current = key;
    const summary = this.#list.element(key)?.querySelector("summary");
    if (summary) summary.tabIndex = 0;
  }

  #step(by) {
    const rows = this.#list.rows;
    const inList = this.#scroll.contains(document.activeElement) && document.activeElement !== this.#scroll;
    let i = this.#list.indexOf(this.#current);
    if (inList) do i += by; while (i >= 0 && i < rows.length && (rows[i].isHead || rows[i].check));
    if (i < 0 || i >= rows.length) return;
    this.#list.reveal(i);
    this.#setCurrent(rows[i].key);
    const summary = this.#list.element(rows[i].key)?.querySelector("summary");
    summary?.focus({ preventScroll: true });
  }

  #setOpen(isOpen) {
    const node = this.#list.element(this.#current);
    if (node instanceof HTMLDetailsElement) node.open = isOpen;
  }

  // Of a long list, only the rows in view: each of them loads its attributes.
  #toggleAll() {
    const shown = /** @type {HTMLDetailsElement[]} */ (all("details.res", this.#scroll));
    const isOpening = !shown.some((details) => details.open);
    if (!isOpening) this.#open.clear();
    for (const details of shown) {
      if (!isOpening && details.open) this.#open.add(details.dataset.key);
      details.open = isOpening;
    }
  }
}
