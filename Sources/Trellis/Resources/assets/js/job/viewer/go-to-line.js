// A small field that takes a line number.

import { one } from "../../lib/dom.js";
import { count } from "../../lib/format.js";

export class GoToLine {
  #form = /** @type {HTMLFormElement} */ (one("[data-goto]"));
  #input = /** @type {HTMLInputElement} */ (one("[data-goto-input]"));
  #page;

  /** @param {{count: () => number, go: (n: number) => void, focusLog: () => void}} page */
  constructor(page) {
    this.#page = page;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const n = Math.min(Number(this.#input.value.replace(/[\s,.]/g, "")), page.count());
      if (!(n >= 1)) {
        this.#input.setAttribute("aria-invalid", "true");
        return;
      }
      this.close();
      page.go(Math.floor(n));
    });
    this.#form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.close();
    });
    this.#form.addEventListener("focusout", (event) => {
      if (!this.#form.contains(/** @type {Node|null} */ (event.relatedTarget))) this.#form.hidden = true;
    });
    this.#input.addEventListener("input", () => this.#input.removeAttribute("aria-invalid"));
  }

  open() {
    this.#form.hidden = false;
    this.#input.value = "";
    this.#input.removeAttribute("aria-invalid");
    this.#input.placeholder = `1–${count(this.#page.count())}`;
    this.#input.focus();
  }

  close() {
    this.#form.hidden = true;
    this.#page.focusLog();
  }
}
