// Cells of tables of jobs.

import { h, icon } from "../lib/dom.js";
import { clockTime, count, counted, ticking } from "../lib/format.js";
import { now } from "../lib/timing.js";

/** How long a job took, or what it will still take. */
export function duration(job) {
  const started = Date.parse(job.started_at ?? "");
  const ended = Date.parse(job.completed_at ?? "");
  if (Number.isNaN(started)) return Number.isNaN(ended) ? `waiting ${ticking(now() - Date.parse(job.created_at))}` : "–";
  const clock = clockTime((Number.isNaN(ended) ? now() : ended) - started);
  if (!Number.isNaN(ended) || !job.forecast) return clock;
  const left = Math.max(0, job.forecast.remaining_ms - Math.max(0, now() - Date.parse(job.server_now)));
  return `${clock}, ${left < 1000 ? "almost done" : `about ${ticking(left)} left`}`;
}

// The names of a job's counts, and the classes of their colors.
const CHANGES = [["add", "+", "add", "to add"], ["change", "~", "chg", "to change"], ["destroy", "−", "del", "to destroy"],
  ["import", "import ", "", "to import"], ["move", "move ", "", "to move"], ["forget", "forget ", "", "to forget"], ["outputs", "outputs ", "", "changed outputs"]];

/** `+3 ~1 2 warnings`: what is not zero. */
export function changesOf({ changes, warnings }) {
  const counts = CHANGES.filter(([name]) => changes?.[name]);
  const text = counts.map(([name, , , words]) => `${count(changes[name])} ${words}`).join(", ");
  const parts = counts.map(([name, sign, tone]) => h("span", { class: tone }, `${sign}${count(changes[name])}`));
  return h("span", { class: "counts" }, parts.length ? h("span", { class: "deltas", title: text }, ...parts) : changes ? h("span", { class: "dim" }, "no changes") : null,
    warnings ? h("span", { class: "warned", title: counted(warnings, "warning") }, icon("warn", "s"), h("span", {}, count(warnings), h("span", { class: "sr" }, warnings === 1 ? " warning" : " warnings"))) : null);
}
