// The versions of the vine's state: downloads, and what is different between two of them.

import { get, query } from "../lib/api.js";
import { h, icon, one } from "../lib/dom.js";
import { agoTime, bytes, count, shortId } from "../lib/format.js";
import { drawRows } from "../lib/list.js";
import { announce, showError } from "../lib/toast.js";
import { cardOf, say } from "./card.js";
import { StateDiff } from "./state-diff.js";

const PAGE = 10;
const MAX = 1000;

export class StatesCard {
  #card = cardOf("states");
  #path;
  /** @type {any[]} */
  #items = [];
  #cursor = null;
  /** The numbers of the chosen versions: the oldest choice goes first. @type {number[]} */
  #chosen = [];
  #compare = one("[data-compare]", this.#card);
  #diff;
  #mayDownload;

  /** @param {string} path @param {() => boolean} mayDownload */
  constructor(path, mayDownload) {
    this.#path = path;
    this.#mayDownload = mayDownload;
    this.#diff = new StateDiff(path, one("[data-comparison]", this.#card));
    this.#compare.addEventListener("click", () => this.#show());
    one("[data-older]", this.#card).addEventListener("click", (event) => this.#older(event.currentTarget));
    const asked = new URLSearchParams(location.search);
    const pair = ["from", "to"].map((name) => Number(asked.get(name)));
    if (pair.every((number) => Number.isInteger(number) && number > 0) && pair[0] !== pair[1]) {
      this.#chosen = pair;
      this.#diff.show(pair[0], pair[1]);
    }
  }

  /** The newest version that is the vine's state; null where there is none. */
  newest = null;

  async refresh() {
    const page = await get(`${this.#path}/states${query({ limit: Math.min(MAX, Math.max(PAGE, this.#items.length)) })}`);
    const last = page.items.at(-1)?.number ?? 0;
    const older = this.#items.filter((item) => item.number < last);
    this.#items = [...page.items, ...older];
    if (!older.length) this.#cursor = page.next_cursor ?? null;
    this.newest = this.#items.find((item) => !item.aside) ?? null;
    this.#draw();
  }

  async #older(button) {
    button.disabled = true;
    try {
      const page = await get(`${this.#path}/states${query({ limit: 50, cursor: this.#cursor })}`);
      this.#items.push(...page.items);
      this.#cursor = page.next_cursor ?? null;
      this.#draw();
    } catch (error) {
      showError(error);
    } finally {
      button.disabled = false;
    }
  }

  #draw() {
    const items = this.#items.map((item) => ({ ...item, id: String(item.number) }));
    drawRows(one("[data-rows]", this.#card), items, (item) => JSON.stringify([item, this.#chosen.includes(item.number)]), (item) => this.#row(item));
    one("[data-older]", this.#card).hidden = !this.#cursor;
    const [from, to] = this.#pair();
    this.#compare.hidden = items.length < 2;
    this.#compare.disabled = !to;
    one("[data-compare-text]", this.#card).textContent = to ? `Compare ${this.#name(from)} and ${this.#name(to)}` : "Choose two to compare";
    say(this.#card, items.length ? "" : "There is no state yet. The first apply writes one.");
  }

  /** The chosen two, the older one first. */
  #pair() {
    return this.#chosen.length === 2 ? [...this.#chosen].sort((a, b) => a - b) : [];
  }

  #name(number) {
    return String(this.#items.find((item) => item.number === number)?.serial ?? `version ${number}`);
  }

  #row(item) {
    const isChosen = this.#chosen.includes(item.number);
    const box = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", "aria-label": `Compare serial ${item.serial}`, on: { change: () => this.#choose(item.number, box.checked) } }));
    box.checked = isChosen;
    const name = `Download state serial ${item.serial}`;
    return h("tr", { "data-on": isChosen, "data-version": String(item.number) },
      h("td", {}, h("label", { class: "cb" }, box, String(item.serial)), item.aside ? h("span", { class: "tag", title: "It arrived after its lock was broken, and is not the vine's state", text: "kept aside" }) : null),
      h("td", {}, item.job_id ? h("a", { class: "mono", href: `/dashboard/jobs/${item.job_id}` }, shortId(item.job_id)) : h("span", { text: "Terraform" }), " ", h("span", { class: "dim-2" }, agoTime(item.created_at))),
      h("td", { class: "num opt" }, item.resources === undefined ? "–" : count(item.resources)),
      h("td", { class: "num opt" }, item.size === undefined ? "–" : bytes(item.size)),
      h("td", { class: "num" }, this.#mayDownload() && h("a", { class: "icon-btn", href: `${this.#path}/states/${item.number}`, download: "", "aria-label": name, title: `${name}. It contains sensitive values.` }, icon("download", "s"))));
  }

  #choose(number, isOn) {
    this.#chosen = this.#chosen.filter((other) => other !== number);
    if (isOn) this.#chosen = [...this.#chosen.slice(-1), number];
    this.#draw();
    // The row was made again.
    one(`[data-version="${number}"] input`, this.#card).focus();
  }

  async #show() {
    const [from, to] = this.#pair();
    if (!to) return;
    const address = new URLSearchParams(location.search);
    address.set("from", String(from));
    address.set("to", String(to));
    history.replaceState(history.state, "", `${location.pathname}?${address}`);
    const said = await this.#diff.show(from, to);
    if (said) announce(said);
  }
}
