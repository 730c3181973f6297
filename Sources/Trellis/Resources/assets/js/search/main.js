// Search in the logs of many jobs. Hits only append, so nothing moves under the reader.

import "../account.js";
import { query } from "../lib/api.js";
import { badge, h, icon, isField, one, setText } from "../lib/dom.js";
import { agoTime, count, counted, shortId, span, startTimes } from "../lib/format.js";
import { marked } from "../lib/invisible.js";
import { setFilters } from "../lib/list.js";
import { ndjson } from "../lib/ndjson.js";
import { announce, messageOf } from "../lib/toast.js";
import { daysAgo, fillVines } from "../lib/vine-select.js";

const form = /** @type {HTMLFormElement} */ (one("[data-search]"));
const fields = ["q", "vine", "status", "type", "since", "streams"];
const asked = new URLSearchParams(location.search);
fillVines(asked.get("vine") ?? "");
for (const name of fields) if (name !== "vine") form.elements[name].value = asked.get(name) ?? "";
form.elements.case.checked = asked.get("case") === "1";

const [scan, said, far, hits, empty, further, go, stop] = ["scan", "said", "far", "hits", "empty", "further", "go", "stop"].map((name) => one(`[data-${name}]`));
const SHORT = { STDOUT: "", STDERR: "err", SYSTEM: "sys" };
// How often progress is read out.
const SPEAK = 2000;

/** @type {AbortController|null} */
let running = null;
// Over all pages of one search.
let total = { searched: 0, jobs: 0, lines: 0, ms: 0 };

/** @returns {Record<string, string>} */
const chosen = () => {
  const values = Object.fromEntries(fields.map((name) => [name, form.elements[name].value.trim()]));
  return { ...values, case: form.elements.case.checked ? "1" : "" };
};

/** The request for what is chosen: a text between slashes is a regular expression. */
function request(cursor) {
  const { q, since, ...rest } = chosen();
  const regex = /^\/(.+)\/$/.exec(q);
  return `/api/search${query({ ...rest, q: regex ? regex[1] : q, regex: regex ? 1 : null, since: daysAgo(since), cursor })}`;
}

async function search(cursor = "") {
  running?.abort();
  const { q } = chosen();
  setFilters(chosen());
  further.hidden = true;
  if (!cursor) {
    hits.replaceChildren();
    total = { searched: 0, jobs: 0, lines: 0, ms: 0 };
  }
  if (!q) return begin();
  empty.hidden = true;
  const run = running = new AbortController();
  const started = performance.now();
  const base = { ...total };
  let spokenAt = started;
  let found = { searched: 0, jobs: 0, lines: 0 };
  // Lines with hits of each job that are shown, or counted.
  const seen = new Map();
  let end = null;
  busy(true);
  progress(total, false);
  try {
    for await (const messages of ndjson(request(cursor), run.signal)) {
      for (const message of messages) {
        if (message.done) end = message;
        else if (message.text !== undefined) {
          add(message);
          seen.set(message.job_id, (seen.get(message.job_id) ?? 0) + 1);
        } else if (message.lines) {
          more(message);
          seen.set(message.job_id, message.lines);
        } else found.searched = message.searched;
      }
      found = { searched: end?.searched ?? found.searched, jobs: seen.size, lines: [...seen.values()].reduce((sum, lines) => sum + lines, 0) };
      total = { searched: base.searched + found.searched, jobs: base.jobs + found.jobs, lines: base.lines + found.lines, ms: base.ms + performance.now() - started };
      progress(total, false);
      if (performance.now() - spokenAt > SPEAK) {
        spokenAt = performance.now();
        announce(`${counted(total.lines, "line")} so far`);
      }
    }
    if (run !== running) return;
    ended(end);
  } catch (error) {
    if (run !== running) return;
    if (run.signal.aborted) ended({ capped: true, reason: "Stopped." });
    else failed(messageOf(error));
  }
}

function busy(is) {
  go.hidden = is;
  stop.hidden = !is;
  hits.setAttribute("aria-busy", String(is));
}

function progress({ searched, jobs, lines, ms }, isEnd, why = "") {
  scan.hidden = false;
  scan.toggleAttribute("data-ended", isEnd && !why);
  scan.toggleAttribute("data-capped", Boolean(why));
  const result = h("b", {}, lines ? `${counted(lines, "line")} in ${counted(jobs, "job")}` : isEnd ? "No hits" : "No hits yet");
  said.replaceChildren(icon(why ? "warn" : isEnd ? "SUCCESS" : "PROCESSING", "s"), ...(isEnd ? [result, why ? ` · ${why}` : ""] : ["Searching, newest jobs first ", result]));
  setText(far, `${counted(searched, "job")} in ${span(ms)}`);
}

function ended(end) {
  running = null;
  busy(false);
  progress(total, true, end?.capped ? end.reason : "");
  further.hidden = !end?.next_cursor;
  further.onclick = () => search(end.next_cursor);
  if (!total.lines) {
    const { q, since } = chosen();
    nothing(h("h2", {}, "No log has ", marked(h("q"), q)), h("p", {}, `Searched ${counted(total.searched, "job")}.`),
      since ? h("button", { class: "btn", type: "button", on: { click: () => { form.elements.since.value = ""; search(); } } }, "Search all time") : null);
  }
  announce(total.lines ? `${counted(total.lines, "line")} in ${counted(total.jobs, "job")}` : "No hits");
}

function failed(message) {
  running = null;
  busy(false);
  scan.hidden = true;
  nothing(h("p", { role: "alert" }, message), h("button", { class: "btn", type: "button", on: { click: () => search() } }, "Search again"));
}

function begin() {
  running = null;
  busy(false);
  scan.hidden = true;
  nothing(h("h2", {}, "Search the logs of many jobs"),
    h("p", {}, "The newest jobs are searched first. For one job, use the search on its page."),
    h("p", { class: "dim" }, "Put a regular expression between slashes: ", h("code", {}, "/Error: .*Throttl/")));
}

function nothing(...nodes) {
  empty.hidden = false;
  empty.replaceChildren(icon("search"), ...nodes.filter(Boolean));
}

// MARK: Hits

function add(hit) {
  let section = hits.querySelector(`[data-job="${hit.job_id}"]`);
  if (!section) {
    const href = `/dashboard/jobs/${hit.job_id}`;
    section = h("section", { class: "hit-j", "data-job": hit.job_id, "aria-label": `${hit.job_type} ${shortId(hit.job_id)}` },
      h("div", { class: "hit-h" }, badge(hit.status), h("span", { class: "kind" }, hit.job_type), h("a", { class: "mono", href }, shortId(hit.job_id)),
        h("span", { class: "vine-name" }, hit.vine_title), h("span", { class: "when" }, `${hit.created_by}, `, agoTime(hit.created_at))),
      h("ol", { class: "hits" }));
    hits.append(section);
  }
  one(".hits", section).append(line(hit));
}

function line(hit) {
  const text = h("span", { class: "tx" });
  if (hit.from > 0) text.append("…");
  let at = 0;
  for (const [column, length] of hit.matches) {
    marked(text, hit.text.slice(at, column));
    text.append(marked(h("mark"), hit.text.slice(column, column + length)));
    at = column + length;
  }
  marked(text, hit.text.slice(at));
  return h("li", {}, h("a", { href: `/dashboard/jobs/${hit.job_id}#L${hit.n}`, "data-s": hit.stream, "data-line": hit.n },
    h("span", { class: "no" }, count(hit.n)), h("span", { class: "st" }, SHORT[hit.stream]), text));
}

function more({ job_id: id, lines, capped }) {
  const section = hits.querySelector(`[data-job="${id}"]`);
  const hidden = lines - (section?.querySelectorAll(".hits li").length ?? 0);
  if (!section || hidden <= 0) return;
  const text = `${capped ? "more than " : ""}${counted(hidden, "more line")} in this job`;
  section.append(h("p", { class: "more-hits" }, h("a", { href: `/dashboard/jobs/${id}` }, text)));
}

form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
form.addEventListener("change", (event) => { if (/** @type {any} */ (event.target).name !== "q") search(); });
stop.addEventListener("click", () => running?.abort());
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isField(event.target)) {
    event.preventDefault();
    form.elements.q.focus();
  }
});

if (!form.elements.q.value) form.elements.q.focus();
search();
startTimes();
