// The Tendril Select Popover: where a saved plan is to be applied.

import { get } from "../lib/api.js";
import { dot, h, one } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { messageOf } from "../lib/problem.js";
import { tendrilNote } from "../lib/tendrils.js";
import { changesOf } from "./words.js";

export class TendrilPopover {
  #button;
  #box = one("#tendril-pop");
  #list = one("[data-pop-list]");
  #start = one("[data-pop-start]");
  #error = one("[data-pop-error]");
  #note = one("[data-pop-note]");
  #model;
  #check;
  #apply;
  #busy = false;
  #usable = false;

  /**
   * @param {HTMLElement} button
   * @param {import("./model.js").JobModel} model
   * @param {{check: () => Promise<any>, apply: (worker: string|null) => Promise<void>}} calls
   */
  constructor(button, model, { check, apply }) {
    this.#button = button;
    this.#model = model;
    this.#check = check;
    this.#apply = apply;
    button.addEventListener("click", () => (this.isOpen ? this.close(true) : this.open()));
    one("[data-pop-close]").addEventListener("click", () => this.close(true));
    this.#start.addEventListener("click", () => this.#confirm());
    this.#box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        this.close(true);
      } else if (event.key === "Enter" && event.target instanceof HTMLInputElement) {
        event.preventDefault();
        this.#confirm();
      }
    });
    addEventListener("pointerdown", (event) => {
      if (this.isOpen && !this.#box.contains(event.target) && !button.contains(event.target)) this.close(true);
    });
    // Tab leaves it: then it is over.
    this.#box.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.#box.contains(event.relatedTarget) && event.relatedTarget !== button) this.close();
    });
  }

  get isOpen() {
    return !this.#box.hidden;
  }

  async open() {
    this.#box.hidden = false;
    this.#button.setAttribute("aria-expanded", "true");
    this.#fail("");
    this.#usable = false;
    this.#draw([]);
    this.#drawCheck(this.#model.apply, false);
    this.#chosen?.focus({ preventScroll: true });
    const [workers, check] = await Promise.allSettled([get("/api/workers?limit=200"), this.#check()]);
    if (!this.isOpen) return;
    if (workers.status === "fulfilled") this.#draw(workers.value.items);
    else this.#fail(messageOf(workers.reason));
    if (check.status === "fulfilled") this.#drawCheck(check.value, true);
    else {
      // The server decides again at the click; a check that failed must not stand in the way.
      this.#drawCheck(this.#model.apply, true);
      this.#fail(messageOf(check.reason));
    }
  }

  /** @param {boolean} [back] focus goes to the button again */
  close(back = false) {
    if (!this.isOpen) return;
    this.#box.hidden = true;
    this.#button.setAttribute("aria-expanded", "false");
    if (back) this.#button.focus({ preventScroll: true });
  }

  get #chosen() {
    return /** @type {HTMLInputElement|null} */ (this.#list.querySelector("input:checked"));
  }

  #draw(workers) {
    const before = this.#chosen?.value ?? "";
    const hadFocus = this.#list.contains(document.activeElement);
    const order = { ONLINE: 0, DRAINING: 1, OFFLINE: 2 };
    const sorted = [...workers].sort((a, b) => order[a.status] - order[b.status] || a.name.localeCompare(b.name));
    const entries = [
      h("label", { class: "any" }, radio("", true, false), h("span", { class: "name" }, "Any available"), h("span", { class: "word" }),
        h("span", { class: "why" }, "The first free Tendril that is ONLINE")),
      ...sorted.map((worker) => h("label", {}, radio(worker.id, false, worker.status !== "ONLINE"), dot(worker.status),
        h("span", { class: "name", title: worker.name }, worker.name), h("span", { class: "word" }, worker.status), h("span", { class: "why" }, tendrilNote(worker)))),
    ];
    this.#list.replaceChildren(one("legend", this.#list), ...entries);
    const again = before && [...this.#list.querySelectorAll("input:enabled")].find((input) => input.value === before);
    if (again) again.checked = true;
    if (hadFocus) this.#chosen?.focus({ preventScroll: true });
  }

  #drawCheck(apply, isFresh) {
    const stale = apply && !apply.valid;
    this.#usable = isFresh && !stale;
    this.#note.textContent = stale
      ? `This plan can't be applied: ${apply.reason}`
      : isFresh ? "A new DEPLOY job applies exactly this saved plan, which is current." : "A new DEPLOY job applies exactly this saved plan.";
    this.#note.classList.toggle("bad", Boolean(stale));
    this.#start.disabled = Boolean(stale);
    this.#start.setAttribute("aria-disabled", String(!this.#usable));
    const changes = apply?.changes ?? changesOf(this.#model);
    one("[data-pop-deltas]").replaceChildren(...(changes ? [
      h("span", { class: "add" }, `+${count(changes.add)} add`),
      h("span", { class: "chg" }, `~${count(changes.change)} change`),
      h("span", { class: "del" }, `−${count(changes.destroy)} destroy`),
    ] : []));
  }

  async #confirm() {
    if (this.#busy || !this.#usable) return;
    this.#busy = true;
    this.#start.setAttribute("aria-disabled", "true");
    this.#fail("");
    try {
      await this.#apply(this.#chosen?.value || null);
    } catch (error) {
      this.#fail(messageOf(error));
      this.#check().then((apply) => this.#drawCheck(apply, true), () => this.#start.setAttribute("aria-disabled", "false"));
    } finally {
      this.#busy = false;
    }
  }

  #fail(text) {
    this.#error.hidden = !text;
    this.#error.textContent = text;
  }
}

function radio(value, checked, disabled) {
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "radio", name: "tendril", value, disabled }));
  input.checked = checked;
  return input;
}
