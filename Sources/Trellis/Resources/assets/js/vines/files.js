// The files of a vine in the form: pasted, uploaded or dropped, single or as folders.

import { all, h, icon, one } from "../lib/dom.js";
import { isSame } from "../lib/exact-json.js";
import { bytes, counted } from "../lib/format.js";
import { restoreLineEnds, shownText } from "../lib/line-ends.js";
import { toast } from "../lib/toast.js";
import { droppedFiles, isLeftOut, pickedFiles } from "./folder.js";
import { IGNORE_FILE, IgnoreRules } from "./ignore-rules.js";
import { FieldError } from "./fields.js";

const MAX_FILE = 4 << 20;
const MAX_FILES = 500;
// Names in a notice; the others are counted.
const NAMED = 40;
const NOT_TEXT = "is not a text file";
const IGNORED = `is excluded by ${IGNORE_FILE}`;

/**
 * @typedef {string|Map<string, any>} FileValue text, or what the API has for a file that is more than text: `content`,
 *   `executable`, `encoding`
 * @typedef {{item: HTMLElement, name: HTMLInputElement, area: HTMLTextAreaElement, value: FileValue, text: string}} Row
 *   value and text: as they were filled in
 */

export class Files {
  #host = one("[data-files]");
  /** @type {Row[]} */
  #rows = [];
  /** @type {Map<string, FileValue>} */
  #before = new Map();

  constructor() {
    one("[data-file-add]").addEventListener("click", () => this.#add("", "").name.focus());
    for (const upload of all("[data-file-upload], [data-folder-upload]")) {
      upload.addEventListener("change", async () => {
        await this.take(pickedFiles(upload.files));
        upload.value = "";
      });
    }
    const zone = one('[data-source="inline"]');
    zone.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      zone.dataset.drop = "";
    });
    zone.addEventListener("dragleave", () => delete zone.dataset.drop);
    zone.addEventListener("drop", async (event) => {
      delete zone.dataset.drop;
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      await this.take(await droppedFiles(event.dataTransfer));
    });
  }

  /** @param {Map<string, FileValue>} files */
  set(files) {
    this.#host.replaceChildren();
    this.#rows = [];
    this.#before = new Map(files);
    for (const [name, value] of files) this.#add(name, value);
  }

  /** The files as typed, including invalid names. @returns {[string, string][]} */
  get current() {
    return this.#rows.filter((row) => !isBinary(row.value)).map((row) => /** @type {[string, string]} */ ([row.name.value.trim(), row.area.value]));
  }

  /**
   * @param {string} [folder] where Terraform runs, in the source
   * @returns {Map<string, FileValue>} @throws {FieldError} with a message for the user
   */
  get(folder = "") {
    const files = new Map();
    for (const row of this.#rows) {
      const name = row.name.value.trim();
      if (!name && !row.area.value.trim()) continue;
      if (!name) throw new FieldError("Every file needs a name, such as main.tf.", row.name);
      if (files.has(name)) throw new FieldError(`There are two files named ${name}. Rename or remove one of them.`, row.name);
      files.set(name, valueOf(row));
    }
    const isConfiguration = ([name, text]) => isIn(folder, name) && /\.(tf|tofu)(\.json)?$/.test(name) && text.trim();
    if (!this.current.some(isConfiguration)) {
      throw new FieldError("The configuration is empty. Add at least one Terraform file with something in it, such as main.tf.", this.#rows[0]?.area ?? null);
    }
    return files;
  }

  /** What to send for a change; null where nothing was touched. @param {string} folder @returns {Map<string, FileValue>|null} */
  changes(folder) {
    const names = this.#rows.map((row) => row.name.value.trim());
    const isUntouched = names.length === this.#before.size && this.#rows.every((row, i) => this.#before.has(names[i]) && isSame(valueOf(row), this.#before.get(names[i])));
    return isUntouched ? null : this.get(folder);
  }

  /** @param {string} name @param {FileValue} value */
  #add(name, value) {
    const text = isBinary(value) ? "Not text. The file stays as it is." : typeof value === "string" ? value : String(value.get("content") ?? "");
    const input = /** @type {HTMLInputElement} */ (h("input", { "aria-label": "File name", placeholder: "main.tf", autocomplete: "off", spellcheck: "false" }));
    input.value = name;
    const area = /** @type {HTMLTextAreaElement} */ (h("textarea", { "aria-label": "File content", rows: "10", spellcheck: "false", autocapitalize: "off", wrap: "off", readonly: isBinary(value) }));
    area.value = shownText(text);
    const item = h("div", { class: "file" },
      h("div", { class: "file-head" }, icon("file"), input,
        h("button", { class: "icon-btn", type: "button", "aria-label": "Remove this file", on: { click: () => this.#remove(row) } }, icon("x"))),
      area);
    /** @type {Row} */
    const row = { item, name: input, area, value, text };
    this.#rows.push(row);
    this.#host.append(item);
    return row;
  }

  #remove(row) {
    const at = this.#rows.indexOf(row);
    this.#rows.splice(at, 1);
    row.item.remove();
    const next = this.#rows[at] ?? this.#rows[at - 1];
    if (next) next.name.focus();
    else one("[data-file-add]").focus();
    this.#changed();
  }

  #changed() {
    this.#host.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /**
   * Puts files into the form. A file replaces the one with its name in the form; files with the same name in one upload are all kept, for the user to rename. A folder in an empty form becomes the root.
   * @param {import("./folder.js").Found} found
   */
  async take({ files, folder }) {
    const isEmpty = !this.#rows.some((row) => row.area.value.trim());
    const root = folder && isEmpty ? `${folder}/` : "";
    const known = new Set(isEmpty ? [] : this.#rows.map((row) => row.name.value.trim()));
    const taken = [];
    const left = [];
    const ignores = await this.#ignoreRules(files, folder);
    for (const { path, file } of files) {
      const name = path.startsWith(root) ? path.slice(root.length) : path;
      const why = isLeftOut(name) || !file ? "belongs to Terraform or git, not to a source"
        : ignores(path) ? IGNORED : file.size > MAX_FILE ? `has ${bytes(file.size)}; the files of a vine have at most ${bytes(MAX_FILE)}`
          : taken.length === MAX_FILES ? `is one too many: a vine has at most ${MAX_FILES} files` : "";
      const text = why || !file ? null : await textIn(file);
      if (text === null) left.push({ name, why: why || NOT_TEXT });
      else taken.push({ name, text, isOld: known.has(name) });
    }
    if (isEmpty && taken.length) this.#clear();
    const replaced = new Set();
    for (const { name, text, isOld } of taken) {
      const old = isOld && !replaced.has(name) ? this.#rows.find((row) => row.name.value.trim() === name) : null;
      if (!old) {
        this.#add(name, text);
        continue;
      }
      replaced.add(name);
      // Keep the executable bit.
      old.value = isBinary(old.value) ? text : typeof old.value === "string" ? text : new Map([...old.value, ["content", text]]);
      old.area.readOnly = false;
      old.text = text;
      old.area.value = shownText(text);
    }
    if (replaced.size) toast(`Replaced ${listed([...replaced])}.`, { tone: "ok", key: "replaced" });
    if (left.length) toast(leftOut(left), { key: "left-out", tone: left.every(({ why }) => why === IGNORED) ? "ok" : "err" });
    if (taken.length) this.#changed();
  }

  /**
   * The rules of the folder's own ignore file, else of the one in the form.
   * @param {import("./folder.js").FoundFile[]} files @param {string} folder
   * @returns {Promise<(path: string) => boolean>}
   */
  async #ignoreRules(files, folder) {
    const base = folder ? `${folder}/` : "";
    const file = files.find(({ path }) => path === base + IGNORE_FILE)?.file;
    const text = file ? await textIn(file) : this.current.find(([name]) => name === IGNORE_FILE)?.[1];
    if (!text) return () => false;
    const rules = new IgnoreRules(text);
    return (path) => rules.excludes(path.startsWith(base) ? path.slice(base.length) : path);
  }

  /** Removes all rows. */
  #clear() {
    for (const row of this.#rows) row.item.remove();
    this.#rows = [];
  }
}

const isBinary = (value) => value instanceof Map && value.get("encoding") === "base64";

/** Whether a file is directly in a folder. @param {string} folder @param {string} name */
export const isIn = (folder, name) => (!folder || name.startsWith(`${folder}/`)) && !name.slice(folder ? folder.length + 1 : 0).includes("/");

/** What to send for a row: all that is known of the file, with its text. @param {Row} row @returns {FileValue} */
function valueOf(row) {
  if (isBinary(row.value)) return row.value;
  return typeof row.value === "string" ? textOf(row) : new Map([...row.value, ["content", textOf(row)]]);
}

const textOf = (row) => (row.area.value === shownText(row.text) ? row.text : restoreLineEnds(row.text, row.area.value));

/** @param {File} file @returns {Promise<string|null>} null for what is not text */
async function textIn(file) {
  try {
    // The byte order mark stays.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer());
  } catch {
    return null;
  }
}

const listed = (names, most = 5) => (names.length > most ? `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more` : names.join(", "));

/** Names what was left out, by reason. @param {{name: string, why: string}[]} left */
function leftOut(left) {
  if (left.length === 1) return `${left[0].name} ${left[0].why}. It was left out.`;
  const reasons = [...new Set(left.map(({ why }) => why))];
  const parts = reasons.map((why) => {
    const names = left.filter((item) => item.why === why).map(({ name }) => name);
    const heading = why === IGNORED ? `Excluded by ${IGNORE_FILE}` : why === NOT_TEXT ? "Not text" : `${why.charAt(0).toUpperCase()}${why.slice(1)}`;
    return names.length === 1 ? `${names[0]} ${why}.` : `${heading}: ${listed(names, NAMED)}.`;
  });
  return `${counted(left.length, "file")} left out. ${parts.join(" ")}`;
}
