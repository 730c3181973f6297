// The head of the page: badge, duration, Tendril, title and the tab's icon.

import { connection } from "../../lib/connection.js";
import { badge, one, setText } from "../../lib/dom.js";
import { clockTime, setAgo, shortId } from "../../lib/format.js";
import { durationText } from "./text.js";

const SIGN = { QUEUED: "…", CLAIMED: "…", PROCESSING: "▶", SUCCESS: "✓", FAILED: "✗", CANCELLED: "⊘" };
// The tab's icon has no theme: colors that contrast with light and dark.
const DOT = { QUEUED: "#8c8188", CLAIMED: "#3b7ddd", PROCESSING: "#3b7ddd", SUCCESS: "#1f9d57", FAILED: "#df3b30", CANCELLED: "#8c8188" };

/** @param {import("../model.js").JobModel} model */
export function startHeader(model) {
  const badgeHost = one(".state-line");
  const draw = () => {
    const { job } = model;
    const shown = one("[data-job-status]", badgeHost);
    if (shown.dataset.jobStatus !== job.status || !shown.hasAttribute("data-live")) {
      const fresh = badge(job.status);
      fresh.dataset.jobStatus = job.status;
      fresh.dataset.live = "";
      shown.replaceWith(fresh);
      document.title = `${SIGN[job.status]} ${job.job_type} ${shortId(job.id)} · ${model.vine.title} · Vintner`;
      one("#favicon").setAttribute("href", favicon(job.status));
    }
    setText(one("[data-worker]"), job.worker_name ?? "Any available");
    tick();
  };
  const tick = () => {
    const { job } = model;
    const node = one("[data-duration]");
    const shown = durationText(job);
    const waits = typeof shown === "string";
    setText(node, waits ? shown : clockTime(shown.to - shown.from));
    node.title = waits ? "Time before the start" : job.completed_at ? "Duration" : "Elapsed time";
  };
  setAgo(one("[data-created]"), model.job.created_at);
  model.onChange(draw);
  connection.onChange(tick);
  draw();
  setInterval(tick, 250);
}

// The brand's grapes, and a dot in the color of the status.
function favicon(status) {
  const grapes = [[3.4, 6.4], [9, 6.4], [14.6, 6.4], [6.2, 11], [11.8, 11], [9, 15.6]]
    .map(([x, y]) => `<circle cx="${x}" cy="${y}" r="2.3"/>`).join("");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 18 18"><g fill="#a8356a">${grapes}</g>`
    + `<circle cx="13.4" cy="13.4" r="4.4" fill="${DOT[status]}" stroke="#fff" stroke-width="1.2"/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

