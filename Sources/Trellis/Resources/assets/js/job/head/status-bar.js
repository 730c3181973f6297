// The status bar: wait reason, then phases, then the banner. It is always visible and keeps its height, so nothing
// shifts when a job ends.

import { connection, knownNow } from "../../lib/connection.js";
import { h, icon, one } from "../../lib/dom.js";
import { shortId, timeOfDay } from "../../lib/format.js";
import { marked } from "../../lib/invisible.js";
import { doneTrack, forecastLine } from "./forecast.js";
import { livePhases } from "./phases.js";
import { seenFact } from "./seen.js";
import { heartbeatText, facts, REMEDY, verdict, waiting } from "./text.js";

export class StatusBar {
  #host = one("[data-strip]");
  #model;
  #drawn = "";
  /** The lines that name errors and warnings. @type {Record<"error"|"warning", readonly number[]>} */
  #heads = { error: [], warning: [] };
  /** Where else the error was seen. @type {any} */
  #seen = null;
  /** @type {(n: number) => void} */
  onJump = () => {};
  /** How to get a valid plan. @type {() => void} */
  onRemedy = () => {};
  /** Reassigns the job to any Tendril. @type {() => void} */
  onFree = () => {};
  /**
   * Called with the height that the banner grew by, which can happen on narrow pages.
   * @type {(px: number) => void}
   */
  onGrow = () => {};

  /**
   * @param {import("../model.js").JobModel} model
   */
  constructor(model) {
    this.#model = model;
    model.onChange(() => this.draw());
    connection.onChange(() => this.draw());
    // A missing heartbeat triggers no event; the Tendril can be lost while Terraform stops, too.
    setInterval(() => { if (!model.isFinal) this.draw(); }, 1000);
    this.draw();
  }

  /** @param {import("../text/diagnostics.js").Outline} outline where the log names errors and warnings */
  setOutline(outline) {
    this.#heads = { error: [...outline.of("error")], warning: [...outline.of("warning")] };
    this.draw();
  }

  /** @param {any} error an item of the job's errors */
  setSeen(error) {
    this.#seen = error;
    this.draw();
  }

  draw() {
    const made = this.#content();
    const key = JSON.stringify(made.key);
    if (key === this.#drawn) return;
    // Nothing is below it yet: what it grows by need not be measured.
    const isFirst = !this.#drawn;
    this.#drawn = key;
    const { banner, notice } = made;
    const before = isFirst ? 0 : this.#host.offsetHeight;
    banner ? this.#host.setAttribute("data-banner", banner) : this.#host.removeAttribute("data-banner");
    this.#host.toggleAttribute("data-warns", Boolean(made.warns));
    notice ? this.#host.setAttribute("data-notice", notice) : this.#host.removeAttribute("data-notice");
    this.#host.setAttribute("aria-label", banner ? "Result" : "Progress");
    const hadFocus = this.#host.contains(document.activeElement);
    this.#host.replaceChildren(icon(made.icon), h("div", { class: "strip-main" }, ...made.lines), ...made.end);
    if (hadFocus) this.#host.querySelector("button, a")?.focus();
    const grown = isFirst ? 0 : this.#host.offsetHeight - before;
    if (grown) this.onGrow(grown);
  }

  #content() {
    const { job } = this.#model;
    if (this.#model.isTerminal) return this.#result();
    if (job.status === "QUEUED") return this.#waiting();
    if (job.status === "CLAIMED") {
      const text = `Claimed by ${job.worker_name ?? "a Tendril"}, starting`;
      return this.#dated(plain("CLAIMED", text, [h("p", { class: "strip-1" }, text), h("p", { class: "strip-2" }, "The Tendril prepares the working folder.")]));
    }
    return this.#running();
  }

  #waiting() {
    const { before, job, after, then, isPinned } = waiting(this.#model.job);
    const text = `${before}${job ? shortId(job) : ""}${after}`;
    const line = h("p", { class: "strip-1", title: text }, before, job ? jobLink(job) : null, after);
    const end = isPinned ? [button("Change to any available", "tendril", () => this.onFree())] : [];
    return this.#dated({ ...plain("QUEUED", [text, then, job], [line, h("p", { class: "strip-2", title: then }, then)]), end });
  }

  #running() {
    const { job, worker } = this.#model;
    const { lost, text, more } = heartbeatText(job, worker);
    const phases = livePhases(job, knownNow());
    if (lost) {
      return { ...plain("unplug", [text, more], [h("p", { class: "strip-1" }, text), h("p", { class: "strip-2" }, more)]), notice: "warn" };
    }
    const list = h("ol", { class: "phases" }, ...phases.map(({ name, text: time, done }) =>
      h("li", { class: done ? "done" : "now" }, icon(done ? "check" : "PROCESSING", "s"), name, " ", h("b", {}, time))));
    const forecast = forecastLine(job, knownNow());
    const line = forecast ? h("p", { class: "strip-2", title: `${forecast.text}. ${text}.` }, ...forecast.nodes, ` · ${text}`) : h("p", { class: "strip-2" }, text);
    const end = forecast && forecast.done !== null ? [doneTrack(forecast.done)] : [];
    return this.#dated({ ...plain("heart", [phases, text, forecast?.text], [list, line]), end });
  }

  // While the server can't be reached, show the last known state and its time.
  #dated(made) {
    if (!connection.isOffline) return made;
    const [time] = timeOfDay(connection.heardAt);
    const [first] = made.lines;
    const text = `Status as of ${time}. The page reconnects automatically.`;
    return { ...made, key: [...made.key, time], icon: "unplug", notice: "warn", end: [], lines: [first, h("p", { class: "strip-2" }, text)] };
  }

  #result() {
    const { job, apply } = this.#model;
    const said = verdict(this.#model);
    /** @type {import("./text.js").Fact[]} */
    const list = facts(this.#model, { errors: this.#heads.error.length, warnings: this.#heads.warning.length });
    const texts = list.map((fact) => (fact.job ? `${fact.text} ${shortId(fact.job)}` : fact.text));
    const items = list.map((fact) => this.#fact(fact));
    const seen = job.status === "FAILED" ? this.#seen : null;
    // After what says where the error is.
    if (seen) items.splice(list.filter((fact) => fact.isCode || fact.icon === "file" || fact.jump === "error").length, 0, seenFact(seen));
    const second = items.length
      ? h("ul", { class: "facts strip-2", title: texts.join(" · ") }, ...items)
      : h("p", { class: "strip-2" }, "\u00a0");
    const end = [];
    const [error] = this.#heads.error;
    if (error && job.status === "FAILED") end.push(button("Jump to error", "down", () => this.onJump(error), `Jump to line ${error} (e)`));
    // A failed plan is run again with the Re-run button.
    const remedy = job.status === "SUCCESS" && apply && !apply.deploy_id && apply.remedy;
    if (remedy) end.push(button(REMEDY, "PLAN", () => this.onRemedy()));
    return {
      key: [job.status, said, texts, this.#heads, remedy, seen?.seen, "result"], icon: job.status, banner: job.status, notice: null, end,
      warns: job.status === "SUCCESS" && list.some((fact) => fact.jump === "warning"),
      lines: [marked(h("p", { class: "strip-1", title: job.error_message ?? said }), said), second],
    };
  }

  /** @param {import("./text.js").Fact} fact */
  #fact({ icon: name, text, job, tone, long, isMinor, isCode, jump }) {
    const line = jump && this.#heads[jump][jump === "error" ? 1 : 0];
    const words = marked(line ? h("button", { class: "fact-btn", type: "button", title: `Jump to line ${line}`, on: { click: () => this.onJump(line) } })
      : h(isCode ? "code" : "span"), text);
    if (job) words.append(" ", jobLink(job));
    return h("li", { class: [long && "long", isMinor && "minor"].filter(Boolean).join(" ") || null, "data-tone": tone }, name ? icon(name, "s") : null, words);
  }
}

const jobLink = (id) => h("a", { class: "mono", href: `/dashboard/jobs/${id}` }, shortId(id));

function button(text, name, run, title = text) {
  return h("button", { class: "btn", type: "button", "aria-label": text, title, "data-icon": name, on: { click: run } }, icon(name), h("span", { class: "word" }, text));
}

function plain(name, key, lines) {
  return { key: [name, key], icon: name, banner: null, notice: null, lines, end: [] };
}
