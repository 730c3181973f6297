// The list of Tendrils to choose one from: "Any available" first, then each with its status and, if it can't be chosen,
// the reason.

import { get } from "./api.js";
import { dot, h, one } from "./dom.js";
import { counted, ticking } from "./format.js";
import { now } from "./timing.js";

const ORDER = { ONLINE: 0, DRAINING: 1, OFFLINE: 2 };
// One page may have two lists, which are separate choices.
let made = 0;

export class TendrilPicker {
  #host;
  #name = `tendril-${made += 1}`;
  #run = 0;

  /** @param {HTMLElement} host a fieldset with its legend */
  constructor(host) {
    this.#host = host;
    this.clear();
  }

  /** The chosen Tendril's id; null for any. @returns {string|null} */
  get value() {
    return this.#chosen?.value || null;
  }

  focus() {
    this.#chosen?.focus({ preventScroll: true });
  }

  /** Shows only "Any available" until a list is loaded. */
  clear() {
    this.#run += 1;
    this.#draw([]);
  }

  /** @param {string} path of a list of Tendrils @throws where it does not come */
  async load(path) {
    const run = this.#run;
    const { items } = await get(path);
    if (run === this.#run) this.#draw(items);
  }

  get #chosen() {
    return /** @type {HTMLInputElement|null} */ (this.#host.querySelector("input:checked"));
  }

  #draw(workers) {
    const before = this.value;
    const hadFocus = this.#host.contains(document.activeElement);
    const sorted = [...workers].sort((a, b) => Number(!canTake(a)) - Number(!canTake(b)) || ORDER[a.status] - ORDER[b.status] || a.name.localeCompare(b.name));
    this.#host.replaceChildren(one("legend", this.#host), this.#any(workers), ...sorted.map((worker) => this.#entry(worker)));
    const again = before && [...this.#host.querySelectorAll("input:enabled")].find((input) => input.value === before);
    if (again) again.checked = true;
    if (hadFocus) this.focus();
  }

  #any(workers) {
    // It can still be chosen: the job then waits and shows why.
    const why = workers.length && !workers.some(canTake)
      ? "None can take it now; the job waits" : "The first free ONLINE Tendril";
    return h("label", { class: "any" }, this.#radio("", true, false), h("span", { class: "name" }, "Any available"), h("span", { class: "why" }, why));
  }

  #entry(worker) {
    return h("label", {}, this.#radio(worker.id, false, !canTake(worker)), dot(worker.status),
      h("span", { class: "name", title: worker.name }, worker.name), h("span", { class: "word" }, worker.status), h("span", { class: "why" }, note(worker)));
  }

  #radio(value, checked, disabled) {
    const input = /** @type {HTMLInputElement} */ (h("input", { type: "radio", name: this.#name, value, disabled }));
    input.checked = checked;
    return input;
  }
}

const canTake = (worker) => worker.status === "ONLINE" && !worker.shortfall;

/** What DRAINING means. @param {number} active jobs it still runs */
export const drainingText = (active) => (active ? `Finishes ${counted(active, "job")}, takes no new ones` : "Takes no new jobs");

function note(worker) {
  const active = worker.active_jobs?.length ?? 0;
  if (worker.status === "OFFLINE") return worker.last_seen_at ? `No heartbeat for ${ticking(now() - Date.parse(worker.last_seen_at))}` : "Has never connected";
  if (worker.status === "DRAINING") return drainingText(active);
  if (worker.shortfall) return `${worker.shortfall.charAt(0).toUpperCase()}${worker.shortfall.slice(1)}`;
  const version = worker.version ? `, v${worker.version}` : "";
  return active === 0 ? `Idle, 0 of ${counted(worker.slots, "job")}${version}`
    : `${active} of ${counted(worker.slots, "job")}${active >= worker.slots ? ", new jobs wait" : ""}${version}`;
}
