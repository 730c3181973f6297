// The outputs of the vine's newest state.

import { get } from "../lib/api.js";
import { copyFrom } from "../lib/copy.js";
import { h, icon, one } from "../lib/dom.js";
import { Digits } from "../lib/exact-json.js";
import { marked } from "../lib/invisible.js";
import { jsonText, jsonView, mask } from "../lib/json-view.js";
import { messageOf } from "../lib/toast.js";
import { cardOf, say, setCount, whyNone } from "./card.js";

export class OutputsCard {
  #card = cardOf("outputs");
  #path;
  /** What is shown. */
  #shown = "";

  constructor(path) {
    this.#path = path;
  }

  async show(newest, vine) {
    const none = whyNone(newest, vine);
    const key = none || `${newest.number} ${vine.revision}`;
    if (key === this.#shown) return;
    if (none) {
      this.#shown = key;
      setCount(this.#card, null);
      say(this.#card, none);
      return;
    }
    try {
      this.#draw(await get(`${this.#path}/outputs`));
      this.#shown = key;
    } catch (error) {
      say(this.#card, messageOf(error));
    }
  }

  #draw({ state, items, is_cut: isCut }) {
    setCount(this.#card, state?.problem ? null : items.length);
    if (!items.length) {
      say(this.#card, state?.problem ?? "The configuration has no outputs.");
      return;
    }
    const list = one("[data-list]", this.#card);
    list.replaceChildren(...items.map(row));
    if (isCut) list.append(h("div", { class: "cut-note" }, h("dt", {}, "More outputs"), h("dd", {}, "are left out. Download the state to see them.")));
    say(this.#card, "");
  }
}

function row(output) {
  const copy = h("button", { class: "icon-btn", type: "button", "aria-label": `Copy ${output.name}`, title: `Copy ${output.name}` }, icon("copy", "s"));
  const { value } = output;
  copy.addEventListener("click", () => copyFrom(copy, typeof value === "string" ? value : jsonText(value)));
  return h("div", { "data-output": output.name }, marked(h("dt"), output.name), h("dd", {}, ...shown(output), output.value === undefined ? null : copy));
}

function shown({ value, sensitive, is_cut: isCut }) {
  if (sensitive) return [mask()];
  if (value === undefined) return [h("span", { class: "dim-2", text: "too large to show" })];
  const note = isCut ? [" ", h("span", { class: "dim-2", text: "shortened" })] : [];
  if (value === null || typeof value !== "object" || value instanceof Digits) return [jsonView(value), ...note];
  const n = Array.isArray(value) ? value.length : Object.keys(value).length;
  if (!n) return [jsonView(value)];
  return [h("details", {}, h("summary", {}, Array.isArray(value) ? `[ ${n} ${n === 1 ? "value" : "values"} ]` : `{ ${n} ${n === 1 ? "value" : "values"} }`), jsonView(value)), ...note];
}
