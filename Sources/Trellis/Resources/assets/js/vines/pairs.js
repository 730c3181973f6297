// Names and values in the form: variables and environment, plain and sensitive.

import { all, h, icon, one } from "../lib/dom.js";
import { isSame, writeExact } from "../lib/exact-json.js";
import { restoreLineEnds, shownText } from "../lib/line-ends.js";
import { kindOf, mismatch, parseValue, typeName } from "./hcl.js";
import { FieldError, secretField } from "./fields.js";

/**
 * @typedef {object} Entry a row of the form
 * @property {HTMLElement} item
 * @property {HTMLInputElement} name
 * @property {() => HTMLInputElement|HTMLTextAreaElement} field
 * @property {HTMLSelectElement|null} kind
 * @property {HTMLElement} note
 * @property {boolean} isStored a sensitive value that is stored already, and not known here
 * @property {{name: string, value: any, text: string, kind: string}|null} before as it was filled in; null for a new row
 */

export class Pairs {
  #host;
  #kind;
  /** @type {Entry[]} */
  #entries = [];
  /** @type {Map<string, any>} */
  #before = new Map();
  /** @type {Map<string, import("./hcl.js").Declaration>} */
  #declared = new Map();

  /** @param {string} kind as the field is called in the API */
  constructor(kind) {
    this.#kind = kind;
    this.#host = one(`[data-pairs="${kind}"]`);
    one(`[data-pair-add="${kind}"]`).addEventListener("click", () => this.add("").name.focus());
  }

  get #isSensitive() {
    return this.#kind.startsWith("sensitive");
  }

  get #isVariable() {
    return this.#kind.endsWith("variables");
  }

  /** @param {Map<string, any>|string[]} values names alone for sensitive entries */
  set(values) {
    this.#host.replaceChildren();
    this.#entries = [];
    this.#before = Array.isArray(values) ? new Map(values.map((name) => [name, null])) : new Map(values);
    for (const [name, value] of this.#before) {
      const entry = this.add(name, value, true);
      entry.before = { name, value, text: entry.field().value, kind: entry.kind?.value ?? "" };
    }
  }

  get isEmpty() {
    return !this.#entries.length;
  }

  get names() {
    return this.#entries.map((entry) => entry.name.value.trim());
  }

  /** @param {Map<string, import("./hcl.js").Declaration>} declared */
  declare(declared) {
    this.#declared = declared;
    for (const entry of this.#entries) this.#describe(entry);
  }

  /**
   * All values, for a new vine. @returns {Map<string, any>} @throws {FieldError}
   */
  get() {
    const values = new Map();
    for (const [name, entry] of this.#named()) values.set(name, this.#value(entry));
    return values;
  }

  /**
   * What to send for a change; null without a change. Unchanged sensitive entries are left out, removed ones are null. Of the other kinds all entries are sent, because the API replaces the whole map.
   * @returns {Map<string, any>|null} @throws {FieldError}
   */
  changes() {
    const named = this.#named();
    const values = new Map();
    for (const [name, entry] of named) {
      if (this.#isSensitive && entry.isStored && !entry.field().value) continue;
      values.set(name, this.#value(entry));
    }
    if (!this.#isSensitive) return isSame(values, this.#before) ? null : values;
    for (const name of this.#before.keys()) if (!named.has(name)) values.set(name, null);
    return values.size ? values : null;
  }

  /** @returns {Map<string, Entry>} */
  #named() {
    const named = new Map();
    for (const entry of this.#entries) {
      const name = entry.name.value.trim();
      if (!name && !entry.field().value) continue;
      if (!name) throw new FieldError("Every entry needs a name.", entry.name);
      if (named.has(name)) throw new FieldError(`There are two entries named "${name}".`, entry.name);
      named.set(name, entry);
    }
    return named;
  }

  #value(entry) {
    const { before } = entry;
    const text = entry.field().value;
    const isUntouched = before && before.text === text && before.kind === (entry.kind?.value ?? "") && before.name === entry.name.value.trim();
    if (isUntouched) return before.value;
    const original = typeof before?.value === "string" ? before.value : "";
    try {
      return this.#read(entry, restoreLineEnds(original, text));
    } catch (error) {
      throw new FieldError(error.message, entry.field());
    }
  }

  /** @throws {SyntaxError} with a message that never contains the value */
  #read(entry, text) {
    if (!this.#isVariable) return text;
    const name = entry.name.value.trim();
    const declared = this.#declared.get(name);
    const wanted = declared?.type.kind ?? "any";
    const kind = entry.kind?.value ?? "auto";
    const value = kind === "text" ? text : kind === "json" ? parsed(name, text) : this.#inferred(name, text, wanted);
    if (value === null && declared?.isNullable === false) throw new SyntaxError(`"${name}" must not be null.`);
    const wrong = declared ? mismatch(value, declared.type) : "";
    if (wrong) throw new SyntaxError(`"${name}" is declared as ${typeName(declared.type)}. ${wrong}`);
    return value;
  }

  /** A declared type decides; without one, text that parses as a value is a value. */
  #inferred(name, text, wanted) {
    if (wanted === "string" || (wanted === "any" && this.#isSensitive)) {
      // Text may have quotation marks, as in HCL.
      return this.#isSensitive || !/^\s*("|<<)/.test(text) ? text : tried(text, text);
    }
    // Anything else is text, which the check of the declaration then refuses.
    return ["any", "number", "bool"].includes(wanted) ? tried(text, text) : parsed(name, text);
  }

  /** @param {string} name @param {any} [value] @param {boolean} [isKnown] it is stored already @returns {Entry} */
  add(name, value = "", isKnown = false) {
    const isStored = isKnown && this.#isSensitive;
    const nameField = /** @type {HTMLInputElement} */ (h("input", { "aria-label": "Name", placeholder: "name", autocomplete: "off", autocapitalize: "off", spellcheck: "false", readonly: isStored }));
    nameField.value = name;
    const isText = typeof value === "string";
    const kind = this.#isVariable && !this.#isSensitive ? kindSelect(!isKnown ? "auto" : isText ? "text" : "json") : null;
    const text = isStored ? "" : isText ? value : writeExact(value, "  ");
    const made = this.#isSensitive ? secretField(isStored ? "unchanged" : "secret") : textField(text);
    const note = h("p", { class: "pair-note" });
    const item = h("div", { class: "pair" }, nameField, made.node, kind,
      h("button", { class: "icon-btn", type: "button", "aria-label": `Remove ${name || "this entry"}`, on: { click: () => this.#remove(entry) } }, icon("x")), note);
    /** @type {Entry} */
    const entry = { item, name: nameField, field: made.field, kind, note, isStored, before: null };
    item.addEventListener("input", () => this.#describe(entry));
    this.#entries.push(entry);
    this.#host.append(item);
    this.#describe(entry);
    return entry;
  }

  /** The entry's description from the files, and the inferred type of its value. */
  #describe(entry) {
    if (!this.#isVariable) return;
    const declared = this.#declared.get(entry.name.value.trim());
    const parts = [];
    if (declared?.isTyped) parts.push(typeName(declared.type));
    if (declared?.default !== null && declared?.default !== undefined && declared.default.length <= 60) parts.push(`default ${declared.default}`);
    if (declared?.description) parts.push(declared.description);
    if (declared?.isSensitive && !this.#isSensitive) parts.push("declared sensitive: remove it here and add it under Sensitive variables");
    let wrong = "";
    const text = entry.field().value;
    if (text && !(entry.before && entry.before.text === text)) {
      try {
        const value = this.#read(entry, text);
        if (!this.#isSensitive && entry.kind?.value === "auto") parts.unshift(`read as ${kindOf(value)}`);
      } catch (error) {
        wrong = error.message;
      }
    }
    entry.note.textContent = wrong || parts.join(" · ");
    entry.note.toggleAttribute("data-bad", Boolean(wrong));
  }

  #remove(entry) {
    const at = this.#entries.indexOf(entry);
    this.#entries.splice(at, 1);
    entry.item.remove();
    const next = this.#entries[at] ?? this.#entries[at - 1];
    (next ? next.name : one(`[data-pair-add="${this.#kind}"]`)).focus();
    this.#host.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function kindSelect(value) {
  const kind = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "Kind of value" }, h("option", { value: "auto" }, "Inferred"), h("option", { value: "text" }, "Text"), h("option", { value: "json" }, "HCL or JSON")));
  kind.value = value;
  return kind;
}

/** A field that grows with its text. */
function textField(text) {
  const area = /** @type {HTMLTextAreaElement} */ (h("textarea", { "aria-label": "Value", placeholder: "value", autocomplete: "off", autocapitalize: "off", spellcheck: "false", rows: "1", class: "value" }));
  const grow = () => { area.rows = Math.min(12, area.value.split("\n").length); };
  area.value = shownText(text);
  grow();
  area.addEventListener("input", grow);
  return { node: area, field: () => area };
}

function parsed(name, text) {
  try {
    return parseValue(text);
  } catch (error) {
    throw new SyntaxError(`The value of "${name}" is neither HCL nor JSON. ${error.message}`);
  }
}

function tried(text, otherwise) {
  try {
    return parseValue(text);
  } catch {
    return otherwise;
  }
}
