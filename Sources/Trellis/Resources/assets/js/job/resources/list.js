// The list of resources: only the rows in view are in the document, however many there are.

import { h, setText } from "../../lib/dom.js";
import { count } from "../../lib/format.js";
import { partitionPoint } from "../../lib/partition-point.js";
import { makePeek, makeRow, tick } from "./rows.js";

// Rows beyond those in view, above and below.
const OVER = 10;

/** @typedef {{key: string, top: number, height: number, index: number, group?: import("./model.js").Group, address?: string}} Entry */

export class ResourceList {
  #scroller;
  #host;
  #data;
  /** @type {Entry[]} */
  #entries = [];
  /** The mounted rows, by key. @type {Map<string, {node: HTMLElement, item: any, entry: Entry}>} */
  #mounted = new Map();
  #sizes = { row: 28, head: 32, peek: 56 };
  /** The selected resource. */
  selected = "";
  /** The row that takes the keyboard. */
  #active = "";
  #at = { now: 0, axis: null, isEnded: false };

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} host
   * @param {{get: (address: string) => any}} data
   */
  constructor(scroller, host, data) {
    this.#scroller = scroller;
    this.#host = host;
    this.#data = data;
    scroller.addEventListener("scroll", () => this.#mount(), { passive: true });
    new ResizeObserver(() => { this.measure(); this.#place(); this.#mount(); }).observe(scroller);
  }

  /** Learns the heights, which depend on the page's width. */
  measure() {
    const style = getComputedStyle(this.#host);
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    for (const name of ["row", "head", "peek"]) {
      const value = Number.parseFloat(style.getPropertyValue(`--wf-${name}`));
      if (value > 0) this.#sizes[name] = value * rem;
    }
  }

  /** Lists `groups`. Keeps the first row in view where it is. @param {import("./model.js").Group[]} groups */
  show(groups) {
    const entries = [];
    for (const group of groups) {
      entries.push({ key: `\n${group.title}`, group });
      for (const { address } of group.items) entries.push({ key: address, address });
    }
    this.#entries = /** @type {Entry[]} */ (entries);
    this.#place();
  }

  /** Adds resources at the end, so that no row moves. @param {any[]} items */
  append(items) {
    const known = new Set(this.#entries.map((entry) => entry.address));
    for (const { address } of items) if (!known.has(address)) this.#entries.push(/** @type {Entry} */ ({ key: address, address }));
    this.#place();
  }

  #place() {
    let top = 0;
    this.#entries.forEach((entry, index) => {
      entry.index = index;
      entry.top = top;
      entry.height = entry.group ? this.#sizes.head : this.#sizes.row + (entry.address === this.selected ? this.#sizes.peek : 0);
      top += entry.height;
    });
    this.#host.style.height = `${top}px`;
    this.#host.setAttribute("aria-rowcount", String(this.#entries.length));
  }

  /** Draws what is in view. @param {{now: number, axis: any, isEnded: boolean}} at */
  draw(at) {
    this.#at = at;
    this.#mount();
  }

  #mount() {
    const view = this.#scroller.clientHeight || 600;
    const top = Math.max(0, this.#scroller.scrollTop - this.#host.offsetTop);
    const first = Math.max(0, this.#find(top) - OVER);
    const last = Math.min(this.#entries.length, this.#find(top + view) + OVER + 1);
    const wanted = new Set();
    for (let index = first; index < last; index += 1) wanted.add(this.#entries[index].key);
    // The row with the focus stays, so that the keyboard does not lose its place.
    const focused = document.activeElement?.closest?.("[data-resource]")?.getAttribute("data-resource");
    for (const [key, { node }] of this.#mounted) {
      if (wanted.has(key) || key === focused && this.#entryOf(key)) continue;
      node.remove();
      this.#mounted.delete(key);
    }
    let previous = null;
    for (let index = first; index < last; index += 1) {
      const node = this.#draw(this.#entries[index]);
      // In the order of the list, for readers of the document.
      if (previous ? previous.nextElementSibling !== node : this.#host.firstElementChild !== node) {
        if (!node.contains(document.activeElement)) previous ? previous.after(node) : this.#host.prepend(node);
      }
      previous = node;
    }
    this.#markActive();
  }

  /** @param {Entry} entry */
  #draw(entry) {
    const known = this.#mounted.get(entry.key);
    if (entry.group) return this.#drawHead(entry, known);
    const item = this.#data.get(entry.address);
    const isSelected = entry.address === this.selected;
    let node = known?.node;
    if (known && known.item === item && (node.dataset.open === "1") === isSelected && node.dataset.ended === String(this.#at.isEnded)) {
      tick(/** @type {HTMLElement} */ (node.firstElementChild), item, this.#at);
      node.firstElementChild.setAttribute("aria-rowindex", String(entry.index + 1));
    } else {
      const row = makeRow(item, { ...this.#at, index: entry.index, isSelected });
      const parts = isSelected ? [row, h("div", { class: "peek", role: "row" }, makePeek(item, this.#at.isEnded))] : [row];
      node ??= h("div", { class: "slot", role: "presentation" });
      const hadFocus = node.contains(document.activeElement);
      node.dataset.open = isSelected ? "1" : "0";
      node.dataset.ended = String(this.#at.isEnded);
      node.replaceChildren(...parts);
      if (hadFocus) row.focus({ preventScroll: true });
      this.#mounted.set(entry.key, { node, item, entry });
    }
    node.style.transform = `translateY(${entry.top}px)`;
    return node;
  }

  #drawHead(entry, known) {
    const { title, note, items, isBad } = entry.group;
    const node = known?.node ?? h("div", { class: "slot", role: "row" },
      h("div", { class: "grp-head", role: "gridcell", "aria-colspan": 4 }, h("h2", {}, title), h("span", { class: "n" }), h("span", { class: "say" })));
    const head = node.firstElementChild;
    head.toggleAttribute("data-harm", Boolean(isBad));
    setText(head.children[1], count(items.length));
    setText(head.children[2], note);
    node.setAttribute("aria-rowindex", String(entry.index + 1));
    node.style.transform = `translateY(${entry.top}px)`;
    this.#mounted.set(entry.key, { node, item: null, entry });
    return node;
  }

  /** The index of the entry at a height. */
  #find(y) {
    return Math.max(0, partitionPoint(this.#entries.length, (i) => this.#entries[i].top <= y) - 1);
  }

  #entryOf(address) {
    return this.#entries.find((entry) => entry.address === address);
  }

  // ---- the keyboard

  #markActive() {
    if (!this.#entryOf(this.#active)) this.#active = this.#entries.find((entry) => entry.address)?.address ?? "";
    for (const { node, entry } of this.#mounted.values()) {
      if (entry.address) node.firstElementChild.setAttribute("tabindex", entry.address === this.#active ? "0" : "-1");
    }
    if (!this.#mounted.has(this.#active)) {
      // The active row is out of view: the first one in view stands in, so that Tab gets into the list.
      const first = [...this.#mounted.values()].find(({ entry }) => entry.address);
      first?.node.firstElementChild.setAttribute("tabindex", "0");
    }
  }

  get active() {
    return this.#active;
  }

  /** Moves the row that takes the keyboard. @param {number} by rows */
  move(by) {
    const rows = this.#entries.filter((entry) => entry.address);
    if (!rows.length) return;
    const at = rows.findIndex((entry) => entry.address === this.#active);
    const hasFocus = this.#host.contains(document.activeElement);
    const next = rows[Math.max(0, Math.min(rows.length - 1, hasFocus ? at + by : Math.max(0, at)))];
    this.focus(next.address);
  }

  /** @param {string} address */
  focus(address) {
    const entry = this.#entryOf(address);
    if (!entry) return;
    this.#active = address;
    this.reveal(address);
    this.#mounted.get(address)?.node.firstElementChild.focus({ preventScroll: true });
  }

  /** Brings a row into view. @param {string} address */
  reveal(address) {
    const entry = this.#entryOf(address);
    if (!entry) return;
    const offset = this.#host.offsetTop;
    const { scrollTop, clientHeight } = this.#scroller;
    const top = entry.top + offset;
    // The axis, and one row, stay free at the top.
    if (top - offset < scrollTop) this.#scroller.scrollTop = top - offset;
    else if (top + entry.height > scrollTop + clientHeight) this.#scroller.scrollTop = top + entry.height - clientHeight;
    this.#mount();
  }

  /** Selects a row, or none. @param {string} address */
  select(address) {
    this.selected = address;
    if (address) this.#active = address;
    this.#place();
    this.#mount();
    if (address) this.reveal(address);
  }
}
