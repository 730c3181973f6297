// The strip under the head: phases while the job runs, what it waits for before, the banner after. It is always
// there, and keeps its height, so that the end of a job moves nothing.

import { now } from "../lib/clock.js";
import { h, icon, one } from "../lib/dom.js";
import { shortId } from "../lib/format.js";
import { REMEDIES } from "./plan.js";
import { contact, facts, livePhases, verdict, waiting } from "./words.js";

export class Strip {
  #host = one("[data-strip]");
  #model;
  #phases;
  #drawn = "";
  /** The line that *Jump to error* goes to; 0 for none. */
  #error = 0;
  /** @type {(n: number) => void} */
  onJump = () => {};
  /** What leads to a plan that may be applied. @type {() => void} */
  onRemedy = () => {};
  /** Lets any Tendril take the job. @type {() => void} */
  onFree = () => {};
  /**
   * Where the page is narrow the banner may be taller: called with by how much.
   * @type {(px: number) => void}
   */
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
    const { text, then, job, isPinned } = waiting(this.#model.job);
    const line = h("p", { class: "strip-1", title: text });
    const [before, ...after] = job ? text.split(shortId(job)) : [text];
    line.append(before);
    if (job) line.append(jobLink(job), after.join(shortId(job)));
    const end = isPinned ? [button("Change to any available", "tendril", () => this.onFree())] : [];
    return { ...plain("QUEUED", [text, job], [line, h("p", { class: "strip-2", title: then }, then)]), end };
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
    const { job, apply } = this.#model;
    const said = verdict(this.#model);
    /** @type {import("./words.js").Fact[]} */
    const list = facts(this.#model);
    const texts = list.map((fact) => (fact.job ? `${fact.text} ${shortId(fact.job)}` : fact.text));
    const whole = [said, ...texts].join(". ");
    const second = list.length
      ? h("ul", { class: "facts strip-2", title: texts.join(". ") },
        ...list.map((fact) => h("li", { class: fact.long ? "long" : fact.isMinor ? "minor" : null, "data-tone": fact.tone }, icon(fact.icon, "s"),
          h("span", {}, fact.text, fact.job ? " " : null, fact.job ? jobLink(fact.job) : null))))
      : h("p", { class: "strip-2" }, "\u00a0");
    const end = [];
    if (this.#error && job.status === "FAILED") {
      const n = this.#error;
      end.push(button("Jump to error", "down", () => this.onJump(n), `Jump to line ${n} (e)`));
    }
    const remedy = apply && !apply.deploy_id ? REMEDIES[apply.remedy] : null;
    if (remedy) end.push(button(remedy, "PLAN", () => this.onRemedy()));
    return {
      key: [job.status, whole, this.#error, remedy, "result"], icon: job.status, banner: job.status, notice: null, end,
      lines: [h("p", { class: "strip-1", title: job.error_message ?? said }, said), second],
    };
  }
}

const jobLink = (id) => h("a", { class: "mono", href: `/dashboard/jobs/${id}` }, shortId(id));

function button(text, name, run, title = text) {
  return h("button", { class: "btn", type: "button", "aria-label": text, title, "data-icon": name, on: { click: run } }, icon(name), h("span", { class: "word" }, text));
}

function plain(name, key, lines) {
  return { key: [name, key], icon: name, banner: null, notice: null, lines, end: [] };
}
