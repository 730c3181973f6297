// The strip under the head: phases while the job runs, what it waits for before, the banner after. It is always
// there, and keeps its height, so that the end of a job moves nothing.

import { now } from "../lib/clock.js";
import { h, icon, one } from "../lib/dom.js";
import { contact, facts, livePhases, verdict, waitText } from "./words.js";

export class Strip {
  #host = one("[data-strip]");
  #model;
  #phases;
  #drawn = "";
  /** The line that *Jump to error* goes to; 0 for none. */
  #error = 0;
  /** @type {(n: number) => void} */
  onJump = () => {};
  /** Where the page is narrow the banner may be taller: called with by how much. @type {(px: number) => void} */
  onGrow = () => {};

  /**
   * @param {import("./model.js").JobModel} model
   * @param {import("./words.js").PhaseWatch} phases
   */
  constructor(model, phases) {
    this.#model = model;
    this.#phases = phases;
    model.onChange(() => this.draw());
    setInterval(() => { if (!model.isTerminal) this.draw(); }, 1000);
    this.draw();
  }

  /** @param {number} n */
  setError(n) {
    if (this.#error === n) return;
    this.#error = n;
    this.draw();
  }

  draw() {
    const made = this.#content();
    const key = JSON.stringify(made.key);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const { banner, notice } = made;
    const before = this.#host.offsetHeight;
    banner ? this.#host.setAttribute("data-banner", banner) : this.#host.removeAttribute("data-banner");
    notice ? this.#host.setAttribute("data-notice", notice) : this.#host.removeAttribute("data-notice");
    this.#host.setAttribute("aria-label", banner ? "Result" : "Progress");
    const hadFocus = this.#host.contains(document.activeElement);
    this.#host.replaceChildren(icon(made.icon), h("div", { class: "strip-main" }, ...made.lines), ...made.end);
    if (hadFocus) this.#host.querySelector("button, a")?.focus();
    const grown = this.#host.offsetHeight - before;
    if (grown) this.onGrow(grown);
  }

  #content() {
    const { job } = this.#model;
    if (this.#model.isTerminal) return this.#result();
    if (job.status === "QUEUED") return this.#waiting();
    if (job.status === "CLAIMED") {
      const text = `Claimed by ${job.worker_name ?? "a Tendril"}, about to start`;
      return plain("CLAIMED", text, [h("p", { class: "strip-1" }, text), h("p", { class: "strip-2" }, "The Tendril makes the working folder ready.")]);
    }
    return this.#running();
  }

  #waiting() {
    const { text, id, short } = waitText(this.#model.job);
    const line = h("p", { class: "strip-1" });
    if (id) {
      const link = h("a", { class: "mono", href: `/dashboard/jobs/${id}` }, short);
      const place = text.indexOf(short);
      if (place >= 0) line.append(text.slice(0, place), link, text.slice(place + short.length));
      else line.append(`${text} (job `, link, ")");
    } else {
      line.append(text);
    }
    const then = h("p", { class: "strip-2" }, id ? "This job starts by itself when that one ends." : "This job starts by itself as soon as it can.");
    return plain("QUEUED", [text, id], [line, then]);
  }

  #running() {
    const { job, worker } = this.#model;
    const { lost, text, more } = contact(job, worker, now());
    const phases = livePhases(job, this.#phases, now());
    if (lost) {
      return { ...plain("unplug", [text, more], [h("p", { class: "strip-1" }, text), h("p", { class: "strip-2" }, more)]), notice: "warn" };
    }
    const list = h("ol", { class: "phases" }, ...phases.map(({ name, text: time, done }) =>
      h("li", { class: done ? "done" : "now" }, icon(done ? "check" : "PROCESSING", "s"), name, " ", h("b", {}, time))));
    return plain("heart", [phases, text], [list, h("p", { class: "strip-2" }, text)]);
  }

  #result() {
    const { job } = this.#model;
    const said = verdict(this.#model);
    const list = facts(this.#model);
    const whole = [said, ...list.map((fact) => fact.text)].join(". ");
    const second = list.length
      ? h("ul", { class: "facts strip-2", title: list.map((fact) => fact.text).join(". ") },
        ...list.map((fact) => h("li", { class: fact.long ? "long" : null }, icon(fact.icon, "s"), h("span", {}, fact.text))))
      : h("p", { class: "strip-2" }, "\u00a0");
    const end = [];
    if (this.#error && job.status === "FAILED") {
      const n = this.#error;
      end.push(h("button", { class: "btn quiet", type: "button", "aria-label": "Jump to error", title: `Jump to line ${n} (e)`, on: { click: () => this.onJump(n) } },
        icon("down"), h("span", { class: "word" }, "Jump to error")));
    }
    return {
      key: [job.status, whole, this.#error, "result"], icon: job.status, banner: job.status, notice: null, end,
      lines: [h("p", { class: "strip-1", title: job.error_message ?? said }, said), second],
    };
  }
}

function plain(name, key, lines) {
  return { key: [name, key], icon: name, banner: null, notice: null, lines, end: [] };
}
