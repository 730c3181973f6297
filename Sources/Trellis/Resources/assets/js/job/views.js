// The views of the work area: the log, and those beside it. `?view=` names the one that is shown.
//
// Every view but the log is a module in a folder of its own. The module and its data are loaded when the view is first
// opened, so the log costs the same with or without them. A new view needs a line in `MODULES` and a link in
// `log-tools.mustache`.

import { all, isField, one } from "../lib/dom.js";
import { showError } from "../lib/toast.js";

/** @type {Record<string, string>} by view, the module that exports `open(page)` */
const MODULES = {
  changes: "changes/main.js",
  resources: "resources/main.js",
};

/** The view that the address names. */
export function namedView() {
  const name = new URLSearchParams(location.search).get("view") ?? "log";
  return name in MODULES ? name : "log";
}

/**
 * @typedef {object} View
 * @property {HTMLElement} panel a section whose first child is its bar
 * @property {() => void} [shown] it became visible, or its address changed
 * @property {(event: KeyboardEvent) => boolean} [key] a key was pressed; true if it was used
 * @property {() => void} [focus]
 */

export class Views {
  #switch = one("[data-views]");
  /** @type {Map<string, Promise<View>>} */
  #views = new Map();
  #current = "log";
  #page;
  #keyOfShown = /** @type {View["key"]} */ (undefined);

  /**
   * @param {View} log
   * @param {any} page what the modules are given: `page` in `main.js`
   */
  constructor(log, page) {
    this.#page = page;
    this.#views.set("log", Promise.resolve(log));
    this.#switch.addEventListener("click", (event) => {
      const link = event.target instanceof Element ? event.target.closest("[data-view]") : null;
      if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.go(link.dataset.view);
    });
    addEventListener("popstate", () => this.#show(namedView()));
    addEventListener("hashchange", () => this.#show(namedView()));
    addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** The name of the view that is shown. */
  get current() {
    return this.#current;
  }

  /** Shows the view that the address names. @returns {Promise<void>} once it is there */
  async start() {
    if (namedView() !== "log") await this.#show(namedView());
  }

  /**
   * Shows a view under an address of its own. @param {string} name @param {string} [hash] `#…`, what to show in it
   * @returns {Promise<void>} once it is there
   */
  async go(name, hash = "") {
    if (name === this.#current && !hash) return;
    history.pushState(null, "", `${location.pathname}?view=${name}${hash}`);
    await this.#show(name);
  }

  async #show(name) {
    this.#current = name;
    this.#mark();
    let view;
    try {
      view = await this.#view(name);
    } catch (error) {
      this.#views.delete(name);
      if (this.#current === name) this.go("log");
      showError(error);
      return;
    }
    if (this.#current !== name) return;
    const hadFocus = this.#switch.contains(document.activeElement) ? document.activeElement : null;
    for (const panel of all("[data-panel]")) panel.hidden = panel !== view.panel;
    view.panel.firstElementChild.prepend(this.#switch);
    hadFocus?.focus();
    this.#keyOfShown = view.key;
    view.shown?.();
  }

  /** @param {string} name @returns {Promise<View>} */
  #view(name) {
    let view = this.#views.get(name);
    if (!view) {
      // A computed address keeps the module out of the page's bundle.
      view = import(`${this.#switch.dataset.modules}${MODULES[name]}`).then((module) => {
        const made = module.open(this.#page);
        made.panel.dataset.panel = name;
        made.panel.hidden = true;
        one("[data-panel]").after(made.panel);
        return made;
      });
      this.#views.set(name, view);
    }
    return view;
  }

  #mark() {
    for (const link of all("[data-view]", this.#switch)) {
      if (link.dataset.view === this.#current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (isField(event.target) || document.querySelector("dialog[open], [popover]:popover-open")) return;
    if (event.target !== document.body && !(event.target instanceof Element && event.target.closest("main"))) return;
    const link = /^[1-9]$/.test(event.key) ? all("[data-view]", this.#switch)[Number(event.key) - 1] : null;
    if (link) this.go(link.dataset.view);
    else if (!this.#keyOfShown?.(event)) return;
    event.preventDefault();
  }
}
