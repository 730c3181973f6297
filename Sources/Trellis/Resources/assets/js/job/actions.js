// Cancel, Apply and Re-run: visible exactly where they can be done.

import { post } from "../lib/api.js";
import { announce } from "../lib/announce.js";
import { one } from "../lib/dom.js";
import { showProblem } from "../lib/problem.js";
import { TendrilPopover } from "./popover.js";

/**
 * @param {import("./model.js").JobModel} model
 * @param {import("./watch.js").Watch} watch
 */
export function startActions(model, watch) {
  const path = `/api/jobs/${model.job.id}`;
  const [cancel, rerun, apply] = ["cancel", "rerun", "apply"].map((name) => one(`[data-action="${name}"]`));
  const goTo = (job) => location.assign(`/dashboard/jobs/${job.id}`);

  const popover = new TendrilPopover(apply, model, {
    check: () => watch.refreshApply(),
    apply: async (worker) => goTo(await post(`${path}/apply`, worker ? { assigned_worker_id: worker } : {})),
  });

  /** Runs once at a time; what the server refuses is said. */
  const once = (button, run) => button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    try {
      await run();
    } catch (error) {
      showProblem(error);
      watch.refresh().catch(() => {});
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
  once(cancel, async () => {
    const job = await post(`${path}/cancel`);
    // The answer is the job, cancelled at once; where it is not, ask.
    if (job?.id) model.take(job);
    if (!model.isTerminal) await watch.refresh();
    announce("Cancelled", { urgent: true });
  });
  once(rerun, async () => goTo(await post(`${path}/rerun`)));

  const draw = () => {
    const { job } = model;
    const focused = document.activeElement;
    cancel.hidden = model.isTerminal;
    apply.hidden = !(job.job_type === "PLAN" && job.status === "SUCCESS");
    rerun.hidden = !model.isTerminal;
    const note = model.apply?.rerun_note ?? "";
    if (rerun.title !== note) rerun.title = note;
    if (apply.hidden) popover.close();
    // A button that goes away hands its focus on.
    if (focused instanceof HTMLElement && focused.hidden) [apply, rerun, cancel].find((button) => !button.hidden)?.focus();
  };
  model.onChange(draw);
  draw();
}
