// The files of a vine in the form: pasted, uploaded or dropped.

import { all, h, icon, one } from "../lib/dom.js";
import { bytes } from "../lib/format.js";
import { toast } from "../lib/toast.js";

const MAX = 1 << 20;

export class Files {
  #host = one("[data-files]");

  constructor() {
    one("[data-file-add]").addEventListener("click", () => one("input", this.#add("", "")).focus());
    const upload = one("[data-file-upload]");
    upload.addEventListener("change", async () => {
      await this.#read(upload.files);
      upload.value = "";
    });
    const zone = one('[data-source="inline"]');
    zone.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      zone.dataset.drop = "";
    });
    zone.addEventListener("dragleave", () => delete zone.dataset.drop);
    zone.addEventListener("drop", (event) => {
      delete zone.dataset.drop;
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      this.#read(event.dataTransfer.files);
    });
  }

  /** @param {Record<string, string>} files */
  set(files) {
    this.#host.replaceChildren();
    for (const [name, text] of Object.entries(files)) this.#add(name, text);
  }

  /** @returns {Record<string, string>} @throws {Error} with a sentence for the one who typed */
  get() {
    /** @type {Record<string, string>} */
    const files = {};
    for (const item of all(".file", this.#host)) {
      const name = one("input", item).value.trim();
      const text = one("textarea", item).value;
      if (!name && !text.trim()) continue;
      if (!name) throw new FieldError("Every file needs a name, such as main.tf.", one("input", item));
      if (Object.hasOwn(files, name)) throw new FieldError(`There are two files named ${name}.`, one("input", item));
      files[name] = text;
    }
    if (!Object.keys(files).length) throw new FieldError("Add at least one file, such as main.tf.", this.#host.querySelector("textarea"));
    return files;
  }

  #add(name, text) {
    const input = /** @type {HTMLInputElement} */ (h("input", { "aria-label": "File name", placeholder: "main.tf", autocomplete: "off", spellcheck: "false" }));
    input.value = name;
    const area = /** @type {HTMLTextAreaElement} */ (h("textarea", { "aria-label": "Text of the file", rows: "10", spellcheck: "false", autocapitalize: "off", wrap: "off" }));
    area.value = text;
    const item = h("div", { class: "file" },
      h("div", { class: "file-head" }, icon("file"), input,
        h("button", { class: "icon-btn", type: "button", "aria-label": "Remove this file", on: { click: () => this.#remove(item) } }, icon("x"))),
      area);
    this.#host.append(item);
    return item;
  }

  #remove(item) {
    const after = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    if (after) one("input", after).focus();
    else one("[data-file-add]").focus();
    this.#host.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async #read(list) {
    for (const file of list) {
      if (file.size > MAX) {
        toast(`${file.name} has ${bytes(file.size)}; a file of a vine has at most ${bytes(MAX)}. Use a git source for more.`);
        continue;
      }
      let text;
      try {
        text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
      } catch {
        toast(`${file.name} is not a text file.`);
        continue;
      }
      const same = all(".file", this.#host).find((item) => one("input", item).value.trim() === file.name);
      const empty = all(".file", this.#host).find((item) => !one("textarea", item).value.trim());
      const item = same ?? (empty && empty.parentElement.children.length === 1 ? empty : null);
      if (item) {
        one("input", item).value = file.name;
        one("textarea", item).value = text;
      } else {
        this.#add(file.name, text);
      }
    }
    this.#host.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

/** A field that is not right, with the sentence that says so. */
export class FieldError extends Error {
  /**
   * @param {string} message
   * @param {Element|null} field
   */
  constructor(message, field) {
    super(message);
    this.field = field;
  }
}
