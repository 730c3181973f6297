// The form for a vine, new or changed. What was typed stays until it is saved.

import { patch, post } from "../lib/api.js";
import { all, one, setText } from "../lib/dom.js";
import { messageOf } from "../lib/problem.js";
import { FieldError, Files } from "./files.js";
import { Pairs } from "./pairs.js";

const KINDS = ["variables", "sensitive_variables", "environment", "sensitive_environment"];
const BLANK = { project_name: "", environment_stage: "", region: "", engine: "", variables: {}, sensitive_variables: [], environment: {}, sensitive_environment: [], source: { type: "inline", files: { "main.tf": "" } } };

export class VineForm {
  #panel = one("#vine-form");
  #form = /** @type {HTMLFormElement} */ (one("[data-form]"));
  #files = new Files();
  #pairs = new Map(KINDS.map((kind) => [kind, new Pairs(kind)]));
  #error = one("[data-form-error]");
  #open = one("[data-new]");
  #back = null;
  #vine = null;
  #dirty = false;
  #filled = false;
  /** @type {(vine: any, isNew: boolean) => void} */
  onSaved = () => {};

  constructor() {
    this.#open.addEventListener("click", () => (this.isOpen && !this.#vine ? this.close() : this.open(null, this.#open)));
    for (const button of all("[data-form-close], [data-form-cancel]")) button.addEventListener("click", () => this.close());
    this.#form.addEventListener("input", () => { this.#dirty = true; });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    for (const radio of all("[name=source]", this.#form)) radio.addEventListener("change", () => this.#showSource());
    addEventListener("beforeunload", (event) => { if (this.#dirty && this.isOpen) event.preventDefault(); });
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  /** @param {any|null} vine the one to change; null for a new one @param {HTMLElement} [from] takes the focus back */
  open(vine, from) {
    const other = vine?.id !== this.#vine?.id;
    if (other && this.#dirty && this.isOpen && !confirm("Throw away what you have typed?")) return;
    this.#back = from ?? null;
    // What was typed into a form that was closed is still there.
    if (other || !this.#filled) this.#fill(vine);
    this.#panel.hidden = false;
    this.#open.setAttribute("aria-expanded", String(!vine));
    this.#form.elements.project_name.focus({ preventScroll: true });
    this.#panel.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.#panel.hidden = true;
    this.#open.setAttribute("aria-expanded", "false");
    (this.#back ?? this.#open).focus();
  }

  #fill(vine) {
    const value = { ...BLANK, ...vine };
    const { elements } = this.#form;
    this.#vine = vine;
    this.#filled = true;
    setText(one("[data-form-title]"), vine ? `Edit ${vine.project_name} / ${vine.environment_stage}` : "New vine");
    setText(one("[data-form-save]"), vine ? "Save changes" : "Create vine");
    for (const name of ["project_name", "environment_stage", "region", "engine"]) elements[name].value = value[name] ?? "";
    const { source } = value;
    elements.source.value = source.type;
    this.#files.set(source.files ?? { "main.tf": "" });
    elements.git_url.value = source.url ?? "";
    elements.git_ref.value = source.ref ?? "";
    elements.git_path.value = source.path ?? "";
    for (const [kind, pairs] of this.#pairs) pairs.set(value[kind] ?? {});
    one("details.more", this.#form).open = !this.#pairs.get("environment").isEmpty || !this.#pairs.get("sensitive_environment").isEmpty;
    this.#showSource();
    this.#fail("");
    this.#dirty = false;
  }

  #showSource() {
    const kind = this.#form.elements.source.value;
    for (const part of all("[data-source]", this.#form)) part.hidden = part.dataset.source !== kind;
  }

  #read() {
    const { elements } = this.#form;
    const text = (name) => elements[name].value.trim();
    const need = (name, sentence) => {
      if (!text(name)) throw new FieldError(sentence, elements[name]);
      return text(name);
    };
    const body = {
      project_name: need("project_name", "Give the vine a project name."),
      environment_stage: need("environment_stage", "Give the vine a stage, such as staging."),
    };
    // A field that is absent stays as it is, so an emptied one is sent empty.
    if (text("region") || this.#vine?.region) body.region = text("region");
    if (text("engine")) body.engine = text("engine");
    if (elements.source.value === "inline") {
      body.source = { type: "inline", files: this.#files.get() };
    } else {
      body.source = { type: "git", url: need("git_url", "Give the repository's URL."), ref: need("git_ref", "Give a branch, tag or commit.") };
      if (text("git_path")) body.source.path = text("git_path");
    }
    for (const [kind, pairs] of this.#pairs) {
      const values = pairs.get();
      if (this.#vine || Object.keys(values).length) body[kind] = values;
    }
    return body;
  }

  async #save() {
    const button = one("[data-form-save]");
    this.#fail("");
    try {
      const body = this.#read();
      button.disabled = true;
      const vine = this.#vine ? await patch(`/api/vines/${this.#vine.id}`, body) : await post("/api/vines", body);
      const isNew = !this.#vine;
      this.#dirty = false;
      this.#filled = false;
      this.#vine = null;
      this.close();
      this.onSaved(vine, isNew);
    } catch (error) {
      this.#fail(messageOf(error));
      if (error instanceof FieldError) {
        error.field?.setAttribute("aria-invalid", "true");
        error.field?.focus();
      }
    } finally {
      button.disabled = false;
    }
  }

  #fail(text) {
    this.#error.hidden = !text;
    this.#error.textContent = text;
    for (const field of all("[aria-invalid]", this.#form)) field.removeAttribute("aria-invalid");
  }
}
