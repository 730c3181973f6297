// The Tendril Select Popover: selects a Tendril and confirms.

import { deltas } from "./changes.js";
import { one, setText } from "./dom.js";
import { TendrilPicker } from "./tendril-picker.js";
import { messageOf } from "./toast.js";

const GAP = 8;

/**
 * @typedef {object} Check what is true of it now
 * @property {string} note
 * @property {boolean} isBad it can't be started, as the note says
 * @property {import("./changes.js").Changes|null} [changes]
 * @property {{text: string, run: () => Promise<any>}|null} [remedy] what to do instead
 */

/**
 * @typedef {object} Ask
 * @property {string} title
 * @property {string} tendrils where they are listed
 * @property {string} action what the button says
 * @property {Check} known before it is asked again
 * @property {() => Promise<Node[]>} [harm] what the start destroys; nothing where it destroys nothing
 * @property {() => Promise<Check>} [check] asked when it opens and where the start was refused
 * @property {(worker: string|null) => Promise<any>} run
 */

export class TendrilPopover {
  #box = one("#tendril-pop");
  #picker = new TendrilPicker(one("[data-pop-list]"));
  #start = one("[data-pop-start]");
  #remedy = one("[data-pop-remedy]");
  #error = one("[data-pop-error]");
  #note = one("[data-pop-note]");
  #harm = one("[data-pop-harm]");
  /** @type {HTMLElement|null} */
  #button = null;
  /** @type {Ask|null} */
  #ask = null;
  /** @type {Check|null} */
  #check = null;
  #isBusy = false;
  #isUsable = false;

  constructor() {
    one("[data-pop-close]").addEventListener("click", () => this.close(true));
    this.#start.addEventListener("click", () => this.#confirm());
    this.#remedy.addEventListener("click", () => this.#once(() => this.#check?.remedy?.run()));
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
      if (this.isOpen && !this.#box.contains(event.target) && !this.#button?.contains(event.target)) this.close(true);
    });
    // Close it when Tab moves the focus out.
    this.#box.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.#box.contains(event.relatedTarget) && event.relatedTarget !== this.#button) this.close();
    });
    addEventListener("resize", () => this.#place());
    addEventListener("scroll", () => this.#place(), { passive: true });
  }

  get isOpen() {
    return this.#box.matches(":popover-open");
  }

  /** Opens under `button`, or closes where it is open there. @param {HTMLElement} button @param {Ask} ask */
  toggle(button, ask) {
    const isOwn = this.isOpen && this.#button === button;
    this.close(isOwn);
    if (!isOwn) this.#open(button, ask);
  }

  /** @param {boolean} [back] focus goes to the button again */
  close(back = false) {
    if (!this.isOpen) return;
    this.#box.hidePopover();
    this.#button?.setAttribute("aria-expanded", "false");
    if (back) this.#button?.focus({ preventScroll: true });
  }

  async #open(button, ask) {
    this.#button = button;
    this.#ask = ask;
    setText(one("[data-pop-title]"), ask.title);
    setText(this.#start, ask.action);
    this.#fail("");
    this.#picker.clear();
    this.#harm.hidden = true;
    this.#harm.replaceChildren();
    this.#draw(ask.known, !ask.check);
    this.#box.showPopover();
    button.setAttribute("aria-expanded", "true");
    this.#place();
    this.#picker.focus();
    const isOver = () => !this.isOpen || this.#ask !== ask;
    await Promise.all([
      this.#picker.load(ask.tendrils).catch((error) => { if (!isOver()) this.#fail(messageOf(error)); }),
      // The counts say it as well: without the names, it can be started.
      ask.harm?.().then((nodes) => {
        if (isOver()) return;
        this.#harm.replaceChildren(...nodes);
        this.#harm.hidden = !nodes.length;
      }, () => {}),
      ask.check?.().then(
        (check) => { if (!isOver()) this.#draw(check, true); },
        (error) => {
          if (isOver()) return;
          // A failed check must not block the click; the server checks again.
          this.#draw(ask.known, true);
          this.#fail(messageOf(error));
        }),
    ]);
    this.#place();
  }

  /** @param {Check} check @param {boolean} isFresh what is not, is not yet to be acted on */
  #draw(check, isFresh) {
    this.#check = check;
    this.#isUsable = isFresh && !check.isBad;
    setText(this.#note, check.note);
    this.#note.classList.toggle("bad", check.isBad);
    this.#start.disabled = check.isBad;
    this.#start.setAttribute("aria-disabled", String(!this.#isUsable));
    this.#remedy.hidden = !check.remedy;
    setText(this.#remedy, check.remedy?.text ?? "");
    one("[data-pop-deltas]").replaceChildren(...(check.isBad ? [] : deltas(check.changes ?? null)));
  }

  async #confirm() {
    const ask = this.#ask;
    if (!ask || !this.#isUsable) return;
    await this.#once(async () => {
      this.#start.setAttribute("aria-disabled", "true");
      try {
        await ask.run(this.#picker.value);
      } catch (error) {
        const check = await ask.check?.().catch(() => null);
        if (check) this.#draw(check, true);
        else this.#start.setAttribute("aria-disabled", "false");
        throw error;
      }
    });
  }

  async #once(run) {
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#fail("");
    try {
      await run();
    } catch (error) {
      this.#fail(messageOf(error));
    } finally {
      this.#isBusy = false;
    }
  }

  #fail(text) {
    this.#error.hidden = !text;
    this.#error.textContent = text;
  }

  // Below the button, or above it if there is more room. On a phone the style sheet makes it a bottom sheet.
  #place() {
    if (!this.isOpen || !this.#button?.isConnected) return;
    const edge = this.#button.getBoundingClientRect();
    const below = innerHeight - edge.bottom - 2 * GAP;
    const above = edge.top - 2 * GAP;
    const flip = this.#box.scrollHeight > below && above > below;
    const { style } = this.#box;
    style.setProperty("--pop-right", `${Math.max(GAP, innerWidth - edge.right)}px`);
    style.setProperty("--pop-top", flip ? "auto" : `${edge.bottom + GAP}px`);
    style.setProperty("--pop-bottom", flip ? `${innerHeight - edge.top + GAP}px` : "auto");
    style.setProperty("--pop-room", `${Math.max(200, flip ? above : below)}px`);
  }
}
