// The form for a vine, new or changed. Keeps its input until it is saved, and sends only changes.

import { ApiError, call, get } from "../lib/api.js";
import { all, h, icon, one, setText } from "../lib/dom.js";
import { messageOf, showError } from "../lib/toast.js";
import { Declared } from "./declared.js";
import { Files, isIn } from "./files.js";
import { Pairs } from "./pairs.js";
import { FieldError } from "./fields.js";

const KINDS = ["variables", "sensitive_variables", "environment", "sensitive_environment"];
const TEXTS = ["project_name", "environment_stage", "region", "engine", "identity_id"];
const GIT = ["url", "ref", "path"];

export class VineForm {
  #panel = one("#vine-form");
  #form = /** @type {HTMLFormElement} */ (one("[data-form]"));
  #files = new Files();
  #pairs = new Map(KINDS.map((kind) => [kind, new Pairs(kind)]));
  #declared = new Declared(this.#pairs);
  #error = one("[data-form-error]");
  #open = one("[data-new]");
  #back = null;
  /** The vine to change, as `exact-json.js` has it; null for a new one. @type {Map<string, any>|null} */
  #vine = null;
  /** What the plain fields showed when they were filled in. @type {Map<string, string>} */
  #shown = new Map();
  #dirty = false;
  #filled = false;
  /** @type {(vine: any, isNew: boolean) => void} */
  onSaved = () => {};

  constructor() {
    this.#open.addEventListener("click", () => (this.isOpen && !this.#vine ? this.close() : this.open(null, this.#open)));
    for (const button of all("[data-form-close], [data-form-cancel]")) button.addEventListener("click", () => this.close());
    this.#form.addEventListener("input", (event) => {
      this.#dirty = true;
      this.#mended(event.target);
      this.#declare();
    });
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

  get #id() {
    return this.#vine?.get("id");
  }

  /** @param {{id: string}|null} vine the one to change; null for a new one @param {HTMLElement} [from] takes the focus back */
  async open(vine, from) {
    const other = vine?.id !== this.#id;
    if (other && this.#dirty && this.isOpen && !confirm("Discard what you have typed?")) return;
    this.#back = from ?? null;
    // A closed form keeps its input.
    if (other || !this.#filled) {
      try {
        const [found] = await Promise.all([vine && get(`/api/vines/${vine.id}`, { isExact: true }), this.#offerIdentities()]);
        this.#fill(found);
      } catch (error) {
        showError(error);
        return;
      }
    }
    this.#panel.hidden = false;
    this.#open.setAttribute("aria-expanded", String(!vine));
    this.#form.elements.project_name.focus({ preventScroll: true });
    this.#panel.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.#panel.hidden = true;
    this.#open.setAttribute("aria-expanded", "false");
    (this.#back?.isConnected ? this.#back : this.#open).focus();
  }

  /** Without identities, the form works as before there were any. */
  async #offerIdentities() {
    const { items } = await get("/api/identities").catch(() => ({ items: [] }));
    this.#form.elements.identity_id.replaceChildren(h("option", { value: "" }, "None"), ...items.map(({ id, name }) => h("option", { value: id }, name)));
  }

  /** @param {Map<string, any>|null} vine */
  #fill(vine) {
    const { elements } = this.#form;
    const source = vine?.get("source");
    this.#vine = vine;
    this.#filled = true;
    setText(one("[data-form-title]"), vine ? `Edit ${vine.get("project_name")} / ${vine.get("environment_stage")}` : "New vine");
    setText(one("[data-form-save]"), vine ? "Save changes" : "Create vine");
    const warnings = vine?.get("warnings") ?? [];
    one("[data-form-warnings]").hidden = !warnings.length;
    one("[data-form-warnings]").replaceChildren(icon("warn", "s"), h("span", {}, warnings.join(" ")));
    for (const name of TEXTS) elements[name].value = vine?.get(name) ?? "";
    elements.source.value = source?.get("type") ?? "inline";
    this.#files.set(source?.get("files") ?? new Map([["main.tf", ""]]));
    for (const name of GIT) elements[`git_${name}`].value = source?.get(name) ?? "";
    for (const [kind, pairs] of this.#pairs) pairs.set(vine?.get(kind) ?? (kind.startsWith("sensitive") ? [] : new Map()));
    this.#shown = new Map([...TEXTS, ...GIT.map((name) => `git_${name}`), "source"].map((name) => [name, elements[name].value]));
    one("details.more", this.#form).open = !this.#pairs.get("environment")?.isEmpty || !this.#pairs.get("sensitive_environment")?.isEmpty;
    this.#showSource();
    this.#fail("");
    this.#declare();
    this.#dirty = false;
  }

  #showSource() {
    const kind = this.#form.elements.source.value;
    for (const part of all("[data-source]", this.#form)) part.hidden = part.dataset.source !== kind;
    this.#declare();
  }

  #declare() {
    // Only the files of the folder where Terraform runs declare the vine's variables.
    const folder = this.#folder;
    const files = this.#isInline ? this.#files.current.filter(([name]) => isIn(folder, name)) : [];
    this.#declared.show(files.map(([name, text]) => [name.slice(folder ? folder.length + 1 : 0), text]));
  }

  /** The request for a new vine. */
  #created() {
    const body = new Map();
    body.set("project_name", this.#needed("project_name", "Enter a project name."));
    body.set("environment_stage", this.#needed("environment_stage", "Enter a stage, for example staging."));
    for (const name of ["region", "engine", "identity_id"]) if (this.#text(name)) body.set(name, this.#text(name));
    body.set("source", this.#isInline ? this.#inline(this.#files.get(this.#folder)) : this.#git());
    for (const [kind, pairs] of this.#pairs) {
      const values = pairs.get();
      if (values.size) body.set(kind, values);
    }
    return body;
  }

  /** The request for a change: only edited fields; an emptied one is null. */
  #changed() {
    const body = new Map();
    const isTouched = (name) => this.#form.elements[name].value !== this.#shown.get(name);
    if (isTouched("project_name")) body.set("project_name", this.#needed("project_name", "Enter a project name."));
    if (isTouched("environment_stage")) body.set("environment_stage", this.#needed("environment_stage", "Enter a stage, for example staging."));
    for (const name of ["region", "engine", "identity_id"]) if (isTouched(name)) body.set(name, this.#text(name) || null);
    if (this.#isInline) {
      const files = isTouched("source") ? this.#files.get(this.#folder) : this.#files.changes(this.#folder);
      if (files) body.set("source", this.#inline(files));
    } else if (isTouched("source") || GIT.some((name) => isTouched(`git_${name}`))) {
      body.set("source", this.#git());
    }
    for (const [kind, pairs] of this.#pairs) {
      const values = pairs.changes();
      if (values) body.set(kind, values);
    }
    return body;
  }

  /** The folder of an inline source where Terraform runs; "" for the top. @returns {string} */
  get #folder() {
    const source = this.#vine?.get("source");
    return source?.get("type") === "inline" ? source.get("path") ?? "" : "";
  }

  get #isInline() {
    return this.#form.elements.source.value === "inline";
  }

  #text(name) {
    return this.#form.elements[name].value.trim();
  }

  #needed(name, sentence) {
    if (!this.#text(name)) throw new FieldError(sentence, this.#form.elements[name]);
    return this.#text(name);
  }

  /** Keeps what the form does not show of a source, such as the folder where Terraform runs. */
  #inline(files) {
    /** @type {Map<string, any>|undefined} */
    const before = this.#vine?.get("source");
    const source = new Map(before?.get("type") === "inline" ? before : [["type", "inline"]]);
    source.set("files", files);
    return source;
  }

  #git() {
    const source = new Map([["type", "git"], ["url", this.#needed("git_url", "Enter the repository URL.")], ["ref", this.#needed("git_ref", "Enter a branch, tag or commit.")]]);
    if (this.#text("git_path")) source.set("path", this.#text("git_path"));
    return source;
  }

  async #save() {
    const button = one("[data-form-save]");
    this.#fail("");
    try {
      const isNew = !this.#vine;
      const body = isNew ? this.#created() : this.#changed();
      button.disabled = true;
      const answer = isNew ? await call("POST", "/api/vines", body, { isExact: true })
        : body.size ? await call("PATCH", `/api/vines/${this.#id}`, body, { isExact: true, revision: this.#vine?.get("revision").text }) : this.#vine;
      this.#dirty = false;
      this.#filled = false;
      this.#vine = null;
      this.close();
      this.onSaved(answer && Object.fromEntries(answer), isNew);
    } catch (error) {
      this.#fail(messageOf(error));
      // Somebody else has changed the vine: the form loads it again when it is opened again.
      if (error instanceof ApiError && error.status === 412) this.#filled = false;
      if (error instanceof FieldError) {
        error.field?.setAttribute("aria-invalid", "true");
        if (error.field instanceof HTMLElement) error.field.focus();
      }
    } finally {
      button.disabled = false;
    }
  }

  #fail(text) {
    this.#error.hidden = !text;
    this.#error.textContent = text;
    if (!text) for (const field of all("[aria-invalid]", this.#form)) field.removeAttribute("aria-invalid");
  }

  /** An error disappears when its field is corrected; an error from the server names no field, and disappears at the next edit. */
  #mended(field) {
    const invalid = all("[aria-invalid]", this.#form);
    if (!invalid.length || invalid.includes(field)) this.#fail("");
  }
}
