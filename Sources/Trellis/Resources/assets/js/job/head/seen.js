// Where else a failed job's first error was seen: a sentence in the status bar, and a popover with the vines.

import { get } from "../../lib/api.js";
import { h, icon } from "../../lib/dom.js";
import { counted, shortId } from "../../lib/format.js";
import { marked } from "../../lib/invisible.js";
import { day, jobLink, SAME, seenIn, vineTable } from "../../lib/seen.js";

const GAP = 8;

/**
 * Asks once the job has failed, and again when its Tendril has reported later. Nothing depends on the answer.
 * @param {import("../model.js").JobModel} model
 * @param {(error: any) => void} show
 */
export function startSeen(model, show) {
  let asked = "";
  const ask = async () => {
    const { job } = model;
    const key = `${job.engine_state}|${job.outcome?.result ?? ""}`;
    if (job.status !== "FAILED" || key === asked) return;
    asked = key;
    try {
      const { items } = await get(`/api/jobs/${job.id}/errors`);
      if (items.length) show(items[0]);
    } catch { /* the page says what it said before */ }
  };
  model.onChange(ask);
  ask();
}

/** The sentence, as an item of the status bar's facts. @param {any} error an item of `GET /api/jobs/ID/errors` */
export function seenFact(error) {
  const { seen } = error;
  if (seen.jobs === 1) return h("li", { "data-seen": "first" }, icon("time", "s"), h("span", {}, "First time"));
  const button = h("button", { class: "fact-btn", type: "button", "aria-haspopup": "dialog", "data-seen-open": true, on: { click: () => open(button, error) } }, seenIn(seen));
  return h("li", { "data-seen": "again" }, icon("time", "s"),
    h("span", {}, "Seen in ", button, `, first on ${day(seen.first.at)}`, ...(seen.solved ? [", last solved by job ", jobLink(seen.solved.job_id)] : [", not solved yet"])));
}

function open(button, { id, cause, seen, vines }) {
  document.getElementById("seen-pop")?.remove();
  const close = h("button", { class: "icon-btn", type: "button", "aria-label": "Close", on: { click: () => box.hidePopover() } }, icon("x"));
  const hidden = seen.vines - vines.length;
  const box = h("div", { class: "pop seen-pop", id: "seen-pop", role: "dialog", tabindex: "-1", popover: "auto", "aria-labelledby": "seen-t" },
    h("div", { class: "pop-head" }, h("h2", { id: "seen-t" }, `Seen in ${seenIn(seen)}`), close, marked(h("p"), cause), h("p", {}, SAME)),
    h("div", { class: "seen-body" }, vineTable(vines), hidden > 0 ? h("p", { class: "dim" }, `and ${counted(hidden, "more vine")}`) : null),
    h("div", { class: "pop-foot" },
      seen.solved ? h("a", { class: "btn", href: `/dashboard/jobs/${seen.solved.job_id}?view=changes` }, `What ${shortId(seen.solved.job_id)} changed`) : null,
      h("a", { class: "btn", href: `/dashboard/errors#${id}` }, `Show all ${counted(seen.jobs, "job")}`)));
  // In the page's landmark, so that it can be found.
  document.querySelector("main")?.append(box);
  const { left, bottom } = button.getBoundingClientRect();
  box.showPopover();
  box.style.inset = "auto";
  box.style.left = `${Math.max(GAP, Math.min(left, innerWidth - box.offsetWidth - GAP))}px`;
  box.style.top = `${bottom + GAP}px`;
  box.style.maxHeight = `${innerHeight - bottom - 2 * GAP}px`;
  box.addEventListener("toggle", (/** @type {any} */ event) => {
    if (event.newState !== "closed") return;
    box.remove();
    if (document.activeElement === document.body) button.focus({ preventScroll: true });
  });
  close.focus({ preventScroll: true });
}
