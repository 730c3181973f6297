// The declared variables without a value, each with a button that adds it.

import { h, icon, one } from "../lib/dom.js";
import { declarations, typeName } from "./hcl.js";

const MAX_SHOWN = 60;

export class Declared {
  #host = one("[data-declared]");
  #pairs;
  #key = "";

  /** @param {Map<string, import("./pairs.js").Pairs>} pairs */
  constructor(pairs) {
    this.#pairs = pairs;
  }

  /** @param {Iterable<[string, string]>} files */
  show(files) {
    const found = declarations(files);
    const plain = this.#pairs.get("variables");
    const sensitive = this.#pairs.get("sensitive_variables");
    plain?.declare(found);
    sensitive?.declare(found);
    const given = new Set([...plain?.names ?? [], ...sensitive?.names ?? []]);
    const open = [...found.values()].filter(({ name }) => !given.has(name));
    // Variables without a default come first: Terraform requires them.
    open.sort((a, b) => Number(a.default !== null) - Number(b.default !== null));
    const key = JSON.stringify(open.map(({ name, default: value, isSensitive, type }) => [name, value, isSensitive, typeName(type)]));
    if (key === this.#key) return;
    this.#key = key;
    this.#host.hidden = !open.length;
    this.#host.replaceChildren(h("span", { class: "dim hint" }, "Declared in the files:"),
      ...open.slice(0, MAX_SHOWN).map((declaration) => this.#button(declaration)));
  }

  #button(declaration) {
    const { name, type, isTyped, default: value, description, isSensitive } = declaration;
    const facts = [isTyped ? typeName(type) : "", isSensitive ? "sensitive" : "", value === null ? "required" : value.length <= 24 ? `default ${value}` : "has a default"].filter(Boolean).join(", ");
    return h("button", { class: "btn small declared", type: "button", title: description, "data-required": value === null, on: { click: () => this.#add(declaration) } },
      icon("plus", "s"), h("code", {}, name), h("span", { class: "dim" }, facts));
  }

  #add({ name, isSensitive }) {
    const entry = this.#pairs.get(isSensitive ? "sensitive_variables" : "variables")?.add(name);
    entry?.field().focus();
    this.#host.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
