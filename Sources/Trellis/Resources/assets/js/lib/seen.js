// Where an error was seen: the words and tables of the list of errors and of a failed job.

import { h, icon } from "./dom.js";
import { agoTime, counted, shortId } from "./format.js";
import { now } from "./timing.js";

const DAY = 86_400_000;

/** `OPEN`, `NEW` for one that was first seen within a day, or `SOLVED`. @param {any} error */
export function nowOf(error) {
  if (!error.open_vines) return "SOLVED";
  return now() - Date.parse(error.first.at) < DAY ? "NEW" : "OPEN";
}

const ICONS = { OPEN: "FAILED", NEW: "warn", SOLVED: "SUCCESS" };

/** @param {"OPEN"|"NEW"|"SOLVED"} word */
export const nowBadge = (word) => h("span", { class: "now-w", "data-now": word }, icon(ICONS[word], "s"), word);

export const jobLink = (id, line = 0) => h("a", { class: "mono", href: `/dashboard/jobs/${id}${line ? `#L${line}` : ""}` }, shortId(id));

const dayForm = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** `3 Nov 2026` @param {string} at */
export const day = (at) => dayForm.format(Date.parse(at));

/** `14 jobs of 3 vines` @param {any} error */
export const seenIn = (error) => `${counted(error.jobs, "job")} of ${counted(error.vines, "vine")}`;

/** What makes two errors the same, in a sentence. */
export const SAME = "Same error and type of resource, with names, IDs and numbers left out.";

/** The vines in which an error was seen. @param {any[]} vines */
export function vineTable(vines) {
  return h("table", { class: "mini" },
    h("thead", {}, h("tr", {}, ...["Vine", "Jobs", "First", "Last", "Now", "Job"].map((name) => h("th", { scope: "col", class: name === "Jobs" ? "num" : null }, name)))),
    h("tbody", {}, ...vines.map((vine) => h("tr", {},
      h("td", {}, h("a", { href: `/dashboard/vines/${vine.vine_id}` }, vine.vine_title)),
      h("td", { class: "num", "data-label": "Jobs" }, String(vine.jobs)),
      h("td", { "data-label": "First" }, agoTime(vine.first.at)),
      h("td", { "data-label": "Last" }, agoTime(vine.last.at)),
      h("td", {}, nowBadge(vine.is_open ? "OPEN" : "SOLVED")),
      h("td", { "data-label": vine.is_open ? "Last job" : "Solved by" }, jobLink(vine.is_open || !vine.solved ? vine.last.job_id : vine.solved.job_id))))));
}
