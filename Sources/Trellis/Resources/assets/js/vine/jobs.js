// The vine's newest jobs.

import { get } from "../lib/api.js";
import { badge, h, icon, one } from "../lib/dom.js";
import { agoTime, shortId } from "../lib/format.js";
import { drawRows } from "../lib/list.js";
import { sync } from "../lib/timing.js";
import { changesOf, duration } from "../jobs/cells.js";
import { titleOf } from "../vines/actions.js";
import { cardOf, say } from "./card.js";

const SHOWN = 8;

export class JobsCard {
  #card = cardOf("jobs");
  #vine;
  /** Changes when a job does. */
  stamp = "";

  constructor(vine) {
    this.#vine = vine;
  }

  async refresh() {
    const page = await get(`/api/jobs?vine_id=${this.#vine.id}&limit=${SHOWN}`);
    sync(page.items[0]?.server_now);
    this.stamp = page.items.map((job) => `${job.id} ${job.status}`).join();
    drawRows(one("[data-rows]", this.#card), page.items, (job) => JSON.stringify([job.status, job.started_at, job.completed_at, job.changes, job.warnings, job.completed_at ? "" : duration(job)]), makeRow);
    const all = one("[data-all-jobs]", this.#card);
    all.hidden = !page.next_cursor;
    all.href = `/dashboard/jobs?q=${encodeURIComponent(titleOf(this.#vine))}`;
    say(this.#card, page.items.length ? "" : "No jobs yet. Plan the vine to see what Terraform would do.");
  }
}

function makeRow(job) {
  const status = badge(job.status);
  status.dataset.jobStatus = job.status;
  return h("tr", { "data-job": job.id },
    h("td", {}, h("a", { class: "row-link", href: `/dashboard/jobs/${job.id}`, "aria-label": `${job.job_type} ${shortId(job.id)}` },
      h("span", { class: "kind-icon", "data-type": job.job_type }, icon(job.job_type, "s")), h("span", { class: "kind" }, job.job_type), h("code", {}, shortId(job.id)))),
    h("td", {}, status), h("td", { class: "opt" }, changesOf(job)), h("td", { class: "num opt" }, duration(job)), h("td", { class: "num dim-2" }, agoTime(job.created_at)));
}
