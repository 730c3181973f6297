// The left end of the log bar, and the row after the last line: the connection and log status.

import { signInPath } from "../../lib/api.js";
import { connection } from "../../lib/connection.js";
import { icon, one, setText } from "../../lib/dom.js";
import { count, counted, ticking, timeOfDay } from "../../lib/format.js";
import { now } from "../../lib/timing.js";
import { announce } from "../../lib/toast.js";

export class ConnectionStatus {
  #state = one(".feed .state");
  #text = one("[data-feed-text]");
  #lines = one("[data-feed-lines]");
  #last = one("[data-feed-last]");
  #retry = one("[data-retry]");
  #note = one("[data-log-note]");
  #empty = one("[data-empty]");
  #all = one("[data-show-all]");
  #parts;
  #shown = "";
  #noted = "";
  #kind = "";

  /**
   * @param {{model: import("../model.js").JobModel, store: import("./store.js").LineStore, view: import("../viewer/view.js").LineView, feed: import("./feed.js").Feed, watch: import("./status-poll.js").StatusPoll, loader: import("./loader.js").LineLoader}} parts
   */
  constructor(parts) {
    this.#parts = parts;
    const { model, feed, watch } = parts;
    this.#retry.addEventListener("click", () => feed.retryNow());
    model.onChange(() => this.draw());
    feed.onChange(() => this.draw());
    watch.onChange = () => this.draw();
    connection.onChange(() => this.draw());
    // Often enough to be accurate, rarely enough to be readable.
    setInterval(() => { if (!document.hidden) this.draw(); }, 250);
    this.draw();
  }

  /** Called after the note came or went, or its text changed. @type {() => void} */
  onNote = () => {};

  draw() {
    const { feed, view } = this.#parts;
    const { tone, name, text, title, retry, more, last } = this.#words();
    const key = `${tone} ${name}`;
    if (key !== this.#shown) {
      this.#shown = key;
      this.#state.dataset.feed = tone;
      this.#state.firstElementChild.replaceWith(icon(name, "s"));
    }
    const kind = connection.isOffline ? "offline" : feed.shownState === "lost" ? "reconnecting" : "live";
    if (this.#state.dataset.connection !== kind) this.#state.dataset.connection = kind;
    setText(this.#text, text);
    if (this.#state.title !== (title ?? "")) this.#state.title = title ?? "";
    setText(this.#lines, more);
    this.#lines.toggleAttribute("data-filtered", view.isFiltered);
    setText(this.#last, last);
    this.#retry.hidden = !retry;
    this.#drawNote();
    this.#drawEmpty();
    this.#say(tone, text);
  }

  #words() {
    const { model, store, view, feed, loader } = this.#parts;
    const { job } = model;
    const lines = view.isFiltered ? `${count(view.length)} of ${count(store.count)} shown` : counted(store.count, "line");
    const base = { tone: "idle", name: "live", text: "", title: "", retry: false, more: lines, last: "" };
    if (feed.state === "refused") {
      return { ...base, tone: "lost", name: "unplug", text: feed.refusal === 401 ? "Signed out" : "No longer available" };
    }
    if (connection.isOffline) {
      const late = Math.max(0, now() - connection.heardAt);
      return { ...base, tone: "lost", name: "unplug", text: feed.state === "ended" ? "Offline" : `Offline, ${ticking(late)} behind`, retry: feed.state !== "ended" };
    }
    if (feed.shownState === "lost") {
      const late = Math.max(0, now() - feed.lostAt);
      return { ...base, tone: "lost", name: "unplug", text: `Reconnecting, ${ticking(late)} behind`, retry: true };
    }
    if (loader.isFailing) return { ...base, tone: "lost", name: "unplug", text: "Couldn't load lines. Retrying…" };
    if (feed.state === "ended") {
      if (feed.hasHole) return { ...base, tone: "gap", name: "FAILED", text: "Incomplete", title: "Lines are missing. Reload the page to try again." };
      if (job.log_state === "INCOMPLETE") {
        return { ...base, tone: "gap", name: "FAILED", text: "Incomplete", title: job.log_state_reason ?? "" };
      }
      if (job.log_state === "COMPLETE") {
        return {
          ...base, tone: "ok", name: "verified", text: `Complete, ${counted(store.count, "line")}, verified`, more: view.isFiltered ? lines : "",
          title: "The stored log matches Terraform's output",
        };
      }
      return { ...base, name: "QUEUED", text: "Ending" };
    }
    if (feed.state === "connecting") return { ...base, text: "Connecting", more: store.count ? lines : "" };
    if (feed.isFilling && (store.count || model.isTerminal)) return { ...base, text: "Loading" };
    if (feed.behind) return { ...base, tone: "lost", text: `Live, ${ticking(feed.behind)} behind` };
    if (job.status === "QUEUED" || job.status === "CLAIMED") return { ...base, name: "QUEUED", text: "Waiting" };
    if (model.isTerminal && job.engine_state !== "STOPPING") return { ...base, name: "QUEUED", text: "Waiting for the last lines" };
    const age = Math.max(0, now() - store.lastTime);
    const last = store.count ? `last line ${age < 1000 ? `${(Math.max(1, Math.ceil(age / 100)) / 10).toFixed(1)} s` : ticking(age)} ago` : "";
    if (feed.isPolling) {
      return {
        ...base, tone: "live", text: "Live (polling)", last,
        title: "The live connection is blocked, so this page asks for new lines every second. It keeps trying the connection.",
      };
    }
    return { ...base, tone: "live", text: "Live", last };
  }

  #drawNote() {
    const { model, feed, watch } = this.#parts;
    const { job } = model;
    let name = "unplug";
    let text = "";
    let link = null;
    if (feed.state === "refused") {
      text = feed.refusal === 401 ? "You're signed out, so later lines can't be shown." : "This log is no longer available.";
      if (feed.refusal === 401) link = { href: signInPath(), text: "Sign in again" };
    } else if (connection.isOffline) {
      const [time] = timeOfDay(connection.heardAt);
      text = `Can't reach the server. Showing status as of ${time}.`;
    } else if (feed.shownState === "lost") {
      const [time] = timeOfDay(feed.lostAt);
      text = `Live feed lost at ${time}. Later lines appear here without a gap when it is back.`
        + (watch.isCut || model.isFinal ? "" : " Status is still checked every 3 s.");
    } else if (feed.state === "ended" && job.log_state === "INCOMPLETE") {
      name = "FAILED";
      text = `This log is incomplete: ${job.log_state_reason ?? "no reason was recorded"}`;
    } else if (feed.state === "ended" && feed.hasHole) {
      name = "FAILED";
      text = "Some lines are missing. Reload the page to try again.";
    }
    if (text === this.#noted) return;
    this.#noted = text;
    this.#note.hidden = !text;
    this.#note.dataset.tone = name === "FAILED" ? "err" : "warn";
    const said = document.createElement("span");
    said.append(text);
    if (link) {
      const a = document.createElement("a");
      a.href = link.href;
      a.textContent = link.text;
      said.append(" ", a);
    }
    this.#note.replaceChildren(icon(name, "s"), said);
    this.onNote();
  }

  #drawEmpty() {
    const { model, store, view, feed } = this.#parts;
    const { job } = model;
    const little = store.count === 0 || store.count < 8 && job.status === "QUEUED";
    const show = little && (job.status === "QUEUED" || job.status === "CLAIMED" || feed.state === "ended" && store.count === 0);
    const isHidden = view.isFiltered && view.length === 0 && store.count > 0;
    this.#empty.hidden = !show && !isHidden;
    this.#all.hidden = !isHidden;
    if (isHidden) {
      setText(one("[data-empty-1]"), view.streams === "" ? "No stream is selected" : "The selected streams have no lines");
      setText(one("[data-empty-2]"), `0 of ${counted(store.count, "line")} shown`);
      return;
    }
    if (!show) return;
    const [first, second] = feed.state === "ended"
      ? ["No output", "The job ended before Terraform started."]
      : [job.worker_name && job.status === "CLAIMED" ? `${job.worker_name} has this job` : "Not claimed yet", "Output appears here as soon as Terraform starts."];
    setText(one("[data-empty-1]"), first);
    setText(one("[data-empty-2]"), second);
  }

  // Announce only changes of state.
  #say(tone, text) {
    const { feed, store } = this.#parts;
    const kind = connection.isOffline ? "offline" : feed.shownState === "live" && tone === "lost" ? "behind" : feed.shownState;
    if (kind === this.#kind) return;
    const before = this.#kind;
    this.#kind = kind;
    if (kind === "offline") announce(this.#noted, { urgent: true });
    else if (kind === "lost") announce("Live feed lost, reconnecting");
    else if (kind === "live" && (before === "lost" || before === "offline")) announce(feed.isPolling ? "New lines are fetched every second" : "Live feed is back");
    else if (kind === "ended" && before) announce(`Log: ${text || `${count(store.count)} lines`}`);
  }
}
