// The view *Resources*: what the job does to each resource, on one time axis.

import { h, icon, one, setText } from "../../lib/dom.js";
import { count, counted } from "../../lib/format.js";
import { now as serverNow, pollWhileVisible } from "../../lib/timing.js";
import { ResourceList } from "./list.js";
import { isOpen, Resources } from "./model.js";
import { axisLabels } from "./rows.js";

// While the job runs; a response without news is a few bytes.
const EVERY = 1000;
const ANNOUNCE_EVERY = 30_000;
// A row with the pointer or the focus does not move, but for those who stay longer.
const HOLD = 30_000;

/** @param {{model: import("../model.js").JobModel, get: (path: string, options?: any) => Promise<any>, announce: (text: string, options?: any) => void, refused: (error: any) => void, goToLine: (n: number) => void}} page */
export function open(page) {
  return new ResourcesView(page).view;
}

class ResourcesView {
  #page;
  #data = new Resources();
  #list;
  #axis = h("div", { class: "axis", "aria-hidden": "true" });
  #now = h("i", { class: "now-v", "aria-hidden": "true", hidden: true });
  #note = h("p", { class: "wf-note", role: "status" });
  #counts = h("span", { class: "wf-counts" });
  #filter = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: "Filter by address", "aria-label": "Filter by address", autocomplete: "off", spellcheck: "false" }));
  #order = /** @type {HTMLSelectElement} */ (h("select", { class: "wf-order", "aria-label": "Order" },
    h("option", { value: "state" }, "By state"), h("option", { value: "slowest" }, "Slowest first"), h("option", { value: "start" }, "By start")));
  #critical = h("button", { class: "tool", type: "button", "aria-pressed": "false", title: "Critical path only (p)", "aria-label": "Critical path only" }, h("i", { class: "crit" }));
  #grid = h("div", { class: "wf-rows", role: "grid", "aria-label": "Resources", "aria-colcount": 4 });
  #scroll = h("div", { class: "scroll" });
  #body;
  /** What the module's `open` returns. @type {import("../views.js").View} */
  view;
  #poll;
  #isLoaded = false;
  #chosenOrder = false;
  #heldSince = 0;
  #touchedAt = 0;
  #announcedAt = serverNow();
  #announced = -1;
  #sorted = "";

  constructor(page) {
    this.#page = page;
    const head = h("div", { class: "wf-head", "aria-hidden": "true" }, h("span"), h("span", {}, "Resource"), h("span", { class: "took" }, "Elapsed"), this.#axis);
    this.#body = h("div", { class: "body" }, this.#scroll);
    this.#scroll.append(h("div", { class: "wf" }, head, this.#now, this.#grid), this.#note);
    const panel = h("section", { class: "log-panel doc wf-panel", "aria-label": "Resources" },
      h("div", { class: "tools", role: "toolbar", "aria-label": "Resources tools" }, this.#counts, h("span", { class: "spacer" }),
        h("search", { class: "wf-find" }, icon("search", "s"), this.#filter, h("kbd", {}, "/")), this.#order, this.#critical),
      this.#body);
    this.#list = new ResourceList(this.#scroll, this.#grid, this.#data);
    this.view = { panel, shown: () => this.#shown(), key: (event) => this.#key(event), focus: () => this.#list.move(0) };

    this.#filter.addEventListener("input", () => this.#resort());
    this.#filter.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { this.#clearFilter(); this.#list.move(0); } else if (event.key === "Enter" || event.key === "ArrowDown") this.#list.move(0);
      else return;
      event.preventDefault();
    });
    this.#order.addEventListener("change", () => { this.#chosenOrder = true; this.#resort(); });
    this.#critical.addEventListener("click", () => this.#toggleCritical());
    this.#grid.addEventListener("click", (event) => this.#clicked(event));
    this.#grid.addEventListener("keydown", (event) => this.#listKey(event));
    for (const type of ["pointerenter", "pointermove", "focusin", "keydown"]) this.#grid.addEventListener(type, () => { this.#touchedAt = Date.now(); });
    this.#grid.addEventListener("pointerleave", () => { this.#heldSince = 0; });
    page.model.onChange((model, before) => {
      if (model.job.status !== before.status || model.job.engine_state !== before.engine_state) this.#load();
    });
    this.#poll = pollWhileVisible(EVERY, () => (panel.hidden || this.#isEnded && this.#isLoaded ? this.#nothing() : this.#load()));
    setInterval(() => { if (!panel.hidden && !document.hidden && !this.#isEnded) this.#draw(); }, 1000);
  }

  get #isEnded() {
    const { engine_state: engine } = this.#page.model.job;
    return this.#page.model.isTerminal && engine !== "RUNNING" && engine !== "STOPPING";
  }

  get #isCriticalOnly() {
    return this.#critical.getAttribute("aria-pressed") === "true";
  }

  async #nothing() {}

  #shown() {
    this.#list.measure();
    const address = decodeHash();
    if (address) this.#list.selected = address;
    this.#resort();
    if (address && this.#isLoaded) this.#list.focus(address);
    if (!this.#isEnded || !this.#isLoaded) this.#poll.now();
  }

  // ---- data

  async #load() {
    const { job } = this.#page.model;
    const isEnded = this.#isEnded;
    const since = this.#data.revision && !isEnded ? `?since=${this.#data.revision}` : "";
    let answer;
    try {
      answer = await this.#page.get(`/api/jobs/${job.id}/resources${since}`);
    } catch (error) {
      if (error.status === 401) this.#page.refused(error);
      else if (!this.#isLoaded) setText(this.#note, "Couldn't load the resources. Retrying…");
      return;
    }
    const isFirst = !this.#isLoaded;
    // What was asked for before the end may be older than the end.
    this.#isLoaded = isEnded || !this.#isEnded;
    const isNews = this.#data.take(answer);
    if (isFirst) {
      if (this.#isEnded && !this.#chosenOrder) this.#order.value = this.#data.count("failed", "unknown", "waiting") ? "state" : "slowest";
      this.#resort();
      const address = decodeHash();
      if (address) this.#list.select(address);
    } else if (isNews || isEnded) {
      if (this.#isHeld && !isEnded) this.#list.append(this.#data.all.filter((item) => this.#passes(item)));
      else this.#resort();
    } else if (this.#sorted !== this.#states() && !this.#isHeld) {
      this.#resort();
    }
    this.#draw();
    this.#tell();
  }

  #passes(item) {
    return item.address.toLowerCase().includes(this.#filter.value.toLowerCase()) && (item.critical || !this.#isCriticalOnly);
  }

  /** True while a row must not move: somebody is about to use it. */
  get #isHeld() {
    const isUsed = this.#grid.matches(":hover") || this.#grid.contains(document.activeElement);
    if (!isUsed) this.#heldSince = 0;
    else this.#heldSince ||= Date.now();
    return isUsed && Date.now() - Math.max(this.#heldSince, this.#touchedAt) < HOLD;
  }

  #states() {
    return this.#data.all.map((item) => item.state).join();
  }

  #resort() {
    this.#sorted = this.#states();
    const groups = this.#data.groups({
      order: this.#order.value, text: this.#filter.value, criticalOnly: this.#isCriticalOnly, isEnded: this.#isEnded, now: serverNow(),
    });
    this.#list.show(groups);
    const { size } = this.#data;
    let note = "";
    if (!groups.length && size) note = "No resource matches. Clear the filter to see all.";
    else if (!size && this.#isLoaded) note = this.#emptyText();
    setText(this.#note, note);
    this.#note.hidden = !note;
    this.#draw();
  }

  #emptyText() {
    const { job_type: type, status } = this.#page.model.job;
    if (status === "QUEUED" || status === "CLAIMED") return "The job has not started yet.";
    if (!this.#isEnded) return "No resource so far.";
    return type === "PLAN" ? "This plan refreshed and read nothing." : "This job did nothing to any resource.";
  }

  #draw() {
    const now = serverNow();
    const isEnded = this.#isEnded;
    const axis = this.#data.axis(now, this.#scroll.clientWidth < 700 ? 4 : 9);
    const isRunning = !isEnded && this.#data.all.some(isOpen);
    this.#axis.replaceChildren(...axisLabels(axis, isRunning ? now : null));
    this.#now.hidden = !isRunning || !axis;
    if (axis) this.#now.style.setProperty("--at", String((now - axis.from) / (axis.to - axis.from)));
    this.#list.draw({ now, axis, isEnded });
    setText(this.#counts, this.#summary());
  }

  #summary() {
    const { size } = this.#data;
    if (!size) return "";
    const parts = [];
    const running = this.#data.count("running", "refreshing");
    const failed = this.#data.count("failed");
    if (failed) parts.push(`${count(failed)} failed`);
    if (running) parts.push(`${count(running)} running`);
    parts.push(`${count(this.#data.count("done"))} of ${count(size)} done`);
    return parts.join(", ");
  }

  #tell() {
    const failed = this.#data.count("failed");
    if (this.#announced >= 0 && failed > this.#announced) this.#page.announce(`${counted(failed, "resource")} failed`, { urgent: true });
    this.#announced = failed;
    if (this.view.panel.hidden || this.#isEnded || serverNow() - this.#announcedAt < ANNOUNCE_EVERY) return;
    this.#announcedAt = serverNow();
    this.#page.announce(this.#summary());
  }

  // ---- actions

  #clicked(event) {
    const line = event.target.closest("[data-line]");
    if (line) {
      this.#page.goToLine(Number(line.dataset.line));
      return;
    }
    const row = event.target.closest("[data-resource]");
    if (row) this.#select(row.dataset.resource);
  }

  #select(address) {
    const next = this.#list.selected === address ? "" : address;
    this.#list.select(next);
    history.replaceState(history.state, "", `${location.pathname}${location.search}${next ? `#${encodeURIComponent(next)}` : ""}`);
    if (next) this.#list.focus(next);
  }

  #toggleCritical() {
    this.#critical.setAttribute("aria-pressed", String(!this.#isCriticalOnly));
    this.#resort();
  }

  #clearFilter() {
    this.#filter.value = "";
    this.#resort();
  }

  /** Keys that work in the list only. @param {KeyboardEvent} event */
  #listKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLButtonElement) return;
    const page = Math.max(1, Math.floor(this.#scroll.clientHeight / 28) - 2);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (by !== undefined) this.#list.move(by);
    else if (event.key === "Enter" || event.key === " ") this.#select(this.#list.active);
    else if (event.key === "ArrowRight") { if (this.#list.selected !== this.#list.active) this.#select(this.#list.active); }
    else if (event.key === "ArrowLeft") { if (this.#list.selected) this.#select(this.#list.selected); }
    else return;
    event.preventDefault();
  }

  /** Keys that work wherever the focus is. @param {KeyboardEvent} event */
  #key(event) {
    switch (event.key) {
      case "j": this.#list.move(1); return true;
      case "k": this.#list.move(-1); return true;
      case "p": this.#toggleCritical(); return true;
      case "/": this.#filter.focus(); return true;
      case "Escape":
        if (this.#list.selected) this.#select(this.#list.selected);
        else this.#clearFilter();
        return true;
      default: return false;
    }
  }
}

function decodeHash() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}
