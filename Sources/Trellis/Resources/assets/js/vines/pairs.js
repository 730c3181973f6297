// Names and values in the form: variables and environment, plain and sensitive.

import { all, h, icon, one } from "../lib/dom.js";
import { FieldError } from "./files.js";

export class Pairs {
  #host;
  #kind;
  // Sensitive entries that are stored already: their values are not known here.
  #stored = new Set();

  /** @param {string} kind as the field is called in the API */
  constructor(kind) {
    this.#kind = kind;
    this.#host = one(`[data-pairs="${kind}"]`);
    one(`[data-pair-add="${kind}"]`).addEventListener("click", () => one("input", this.#add("", "")).focus());
  }

  get #isSensitive() {
    return this.#kind.startsWith("sensitive");
  }

  get #isTyped() {
    return this.#kind === "variables";
  }

  /** @param {Record<string, any>|string[]} values names alone for sensitive entries */
  set(values) {
    this.#host.replaceChildren();
    this.#stored = new Set(Array.isArray(values) ? values : []);
    if (Array.isArray(values)) for (const name of values) this.#add(name, "", true);
    else for (const [name, value] of Object.entries(values)) this.#add(name, value);
  }

  get isEmpty() {
    return !this.#host.children.length;
  }

  /**
   * What to send. For a change, sensitive entries that are not touched are left out, removed ones are null.
   * @returns {Record<string, any>}
   */
  get() {
    const values = {};
    const seen = new Set();
    for (const item of all(".pair", this.#host)) {
      const [nameField, valueField] = all("input, textarea", item);
      const name = nameField.value.trim();
      if (!name && !valueField.value) continue;
      if (!name) throw new FieldError("Every entry needs a name.", nameField);
      if (seen.has(name)) throw new FieldError(`"${name}" is there twice.`, nameField);
      seen.add(name);
      if (item.dataset.stored !== undefined && !valueField.value) continue;
      values[name] = this.#value(item, valueField, name);
    }
    for (const name of this.#stored) if (!seen.has(name)) values[name] = null;
    return values;
  }

  #value(item, field, name) {
    if (!this.#isTyped || one("select", item).value === "text") return field.value;
    try {
      return JSON.parse(field.value);
    } catch {
      throw new FieldError(`The value of "${name}" is not valid JSON.`, field);
    }
  }

  #add(name, value, stored = false) {
    const nameField = /** @type {HTMLInputElement} */ (h("input", { "aria-label": "Name", placeholder: "name", autocomplete: "off", autocapitalize: "off", spellcheck: "false", readonly: stored }));
    nameField.value = name;
    const isText = typeof value === "string";
    const valueField = /** @type {HTMLInputElement} */ (h("input", {
      "aria-label": "Value", placeholder: stored ? "kept as it is" : this.#isSensitive ? "secret" : "value", autocomplete: this.#isSensitive ? "new-password" : "off",
      spellcheck: "false", type: this.#isSensitive ? "password" : "text",
    }));
    valueField.value = isText ? value : JSON.stringify(value);
    let kind = null;
    if (this.#isTyped) {
      kind = h("select", { "aria-label": "Kind of value" }, h("option", { value: "text" }, "text"), h("option", { value: "json" }, "JSON"));
      kind.value = isText ? "text" : "json";
    }
    const item = h("div", { class: "pair", "data-stored": stored }, nameField, valueField, kind,
      h("button", { class: "icon-btn", type: "button", "aria-label": `Remove ${name || "this entry"}`, on: { click: () => this.#remove(item) } }, icon("x")));
    this.#host.append(item);
    return item;
  }

  #remove(item) {
    const after = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    (after ? one("input", after) : one(`[data-pair-add="${this.#kind}"]`)).focus();
    this.#host.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
