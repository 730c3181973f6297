// What is different between two versions of a state.

import { get, query } from "../lib/api.js";
import { diffView } from "../lib/attribute-diff.js";
import { h, icon } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { marked } from "../lib/invisible.js";
import { messageOf } from "../lib/toast.js";
import { VirtualList } from "../lib/virtual-list.js";
import { sign, splitAddress } from "../job/changes/words.js";

const NARROW = matchMedia("(max-width: 46em)");
const PAGE = 1000;
const SAID = { create: "added", update: "changed", delete: "removed" };

export class StateDiff {
  #path;
  #host;
  #title = h("h3");
  #note = h("p", { class: "card-note", hidden: true });
  #scroll = h("div", { class: "card-scroll", tabindex: "0", role: "region", "aria-label": "Differences", hidden: true });
  /** @type {VirtualList<{key: string, item?: any, output?: any}>} */
  #list;
  #run = 0;
  /** @type {[number, number]} */
  #pair = [0, 0];
  /** Keys of open rows. @type {Set<string>} */
  #open = new Set();
  /** @type {Map<string, Promise<any>>} */
  #details = new Map();

  /** @param {string} path @param {HTMLElement} host */
  constructor(path, host) {
    this.#path = path;
    this.#host = host;
    const box = h("div", { class: "vlist" });
    this.#scroll.append(box);
    host.append(this.#title, this.#note, this.#scroll);
    this.#list = new VirtualList(this.#scroll, box, {
      key: (row) => row.key, isHead: () => false, make: (row) => this.#make(row), height: () => (NARROW.matches ? 52 : 32),
    });
  }

  /**
   * @param {number} from @param {number} to numbers of versions
   * @returns {Promise<string>} a sentence for people who listen; "" where something newer is shown
   */
  async show(from, to) {
    const run = this.#run += 1;
    this.#pair = [from, to];
    this.#open.clear();
    this.#details.clear();
    this.#host.hidden = false;
    this.#title.textContent = "Comparing…";
    this.#say("");
    this.#list.set([]);
    this.#scroll.hidden = true;
    try {
      const rows = [];
      let cursor = null;
      let title = "";
      do {
        const page = await get(`${this.#path}/states/${to}/compare${query({ with: from, limit: PAGE, cursor })}`);
        if (run !== this.#run) return "";
        title = this.#head(page);
        rows.push(...page.items.map((item) => ({ key: `${item.action} ${item.address} ${item.deposed ?? ""}`, item })),
          ...page.outputs.map((output) => ({ key: `output ${output.name}`, output })));
        cursor = page.next_cursor ?? null;
        this.#scroll.hidden = !rows.length;
        this.#list.set([...rows.filter((row) => row.item), ...rows.filter((row) => row.output)]);
      } while (cursor);
      return title;
    } catch (error) {
      if (run !== this.#run) return "";
      this.#title.textContent = "The versions couldn't be compared";
      this.#say(messageOf(error));
      return "";
    }
  }

  #head({ from, to, counts, outputs, is_cut: isCut }) {
    const problem = from.problem ?? to.problem;
    const parts = Object.entries(SAID).map(([action, word]) => `${count(counts[action] ?? 0)} ${word}`).join(", ");
    const title = `Serial ${from.serial} to ${to.serial}`;
    this.#title.replaceChildren(title, problem ? "" : h("span", { class: "dim-2", text: ` ${parts}` }));
    if (problem) this.#say(`Serial ${from.problem ? from.serial : to.serial}: ${problem}`);
    else if (!Object.keys(SAID).some((action) => counts[action]) && !outputs.length) this.#say("No resource and no output is different.");
    else this.#say(isCut ? "A state has more than Vintner compares: this is not everything." : "");
    return `${title}: ${problem ?? parts}`;
  }

  #say(text) {
    this.#note.hidden = !text;
    this.#note.textContent = text;
  }

  #make(row) {
    const { item, output } = row;
    const { action } = item ?? output;
    const [module, rest] = item ? splitAddress(item) : ["", output.name];
    const what = [item ? SAID[action] : `output ${SAID[action]}`, item?.deposed ? `deposed object ${item.deposed}` : ""].filter(Boolean).join(", ");
    const details = /** @type {HTMLDetailsElement} */ (h("details", { class: "res", "data-action": action, "data-resource": item?.address, "data-output": output?.name },
      h("summary", {}, icon("chev", "s"), h("span", { class: "glyph", "data-a": action, "aria-hidden": "true", text: sign(action) }),
        h("code", { class: "addr", title: rest }, h("bdi", {}, module ? marked(h("span", { class: "mod" }), module) : null, marked(h("span"), rest))),
        h("span", { class: "why-box" }, h("span", { class: "why", text: what })))));
    const sync = () => {
      details.querySelector(".open")?.remove();
      if (details.open) details.append(this.#content(row));
    };
    details.open = this.#open.has(row.key);
    sync();
    details.addEventListener("toggle", () => {
      if (this.#open.has(row.key) === details.open) return;
      if (details.open) this.#open.add(row.key);
      else this.#open.delete(row.key);
      sync();
      this.#list.resized();
    });
    return details;
  }

  #content({ key, item, output }) {
    const box = h("div", { class: "open" });
    const view = (detail) => {
      box.replaceChildren(...(detail.is_cut ? [h("p", { class: "facts-in" }, icon("warn", "s"), " Some values are left out: there are too many, or they are too large.")] : []),
        detail.diff.length ? diffView({ unchanged: 0, ...detail }, () => this.#list.resized()) : h("p", { class: "facts-in", text: "No values to show." }));
    };
    if (output) {
      view(output);
      return box;
    }
    const fill = async () => {
      box.replaceChildren(h("p", { class: "facts-in", text: "Loading attributes…" }));
      try {
        view(await this.#detail(key, item));
      } catch (error) {
        box.replaceChildren(h("p", { class: "facts-in" }, messageOf(error), " ", h("button", { class: "link-btn", type: "button", on: { click: fill } }, "Try again")));
      }
      this.#list.resized();
    };
    fill();
    return box;
  }

  #detail(key, item) {
    let detail = this.#details.get(key);
    if (!detail) {
      const [from, to] = this.#pair;
      detail = get(`${this.#path}/states/${to}/compare/resource${query({ with: from, address: item.address, deposed: item.deposed })}`);
      detail.catch(() => this.#details.delete(key));
      this.#details.set(key, detail);
    }
    return detail;
  }
}
