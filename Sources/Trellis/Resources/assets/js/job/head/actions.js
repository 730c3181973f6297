// Cancel, Apply and Re-run: shown only if allowed; confirms before anything is applied.

import { get, patch, post } from "../../lib/api.js";
import { confirmFirst } from "../../lib/confirm.js";
import { one } from "../../lib/dom.js";
import { shortId } from "../../lib/format.js";
import { TendrilPopover } from "../../lib/tendril-popover.js";
import { announce, showError, toast } from "../../lib/toast.js";
import { harmOf } from "./harm.js";
import { checkOf, REMEDY } from "./text.js";

/**
 * @param {import("../model.js").JobModel} model
 * @param {import("../feed/status-poll.js").StatusPoll} watch
 * @returns {{remedy: () => void, freeAssignment: () => void}} for the buttons of the status bar
 */
export function startActions(model, watch) {
  const path = `/api/jobs/${model.job.id}`;
  const [cancel, rerun, apply] = ["cancel", "rerun", "apply"].map((name) => one(`[data-action="${name}"]`));
  const goTo = (job) => location.assign(`/dashboard/jobs/${job.id}`);
  const makeRerun = async () => goTo(await post(`${path}/rerun`));
  const planVine = async () => goTo(await post("/api/jobs", { job_type: "PLAN", vine_id: model.job.vine_id }));

  /** The action that leads to a valid plan; null without one. */
  const remedyOf = () => {
    switch (model.apply?.remedy) {
      // The vine is unchanged: a re-run plans the same configuration and keeps the link to this job.
      case "RERUN": return { text: REMEDY, run: makeRerun };
      case "PLAN_VINE": return { text: REMEDY, run: planVine };
      default: return null;
    }
  };
  const check = () => ({ ...checkOf(model), remedy: remedyOf() });

  const popover = new TendrilPopover();
  apply.addEventListener("click", () => popover.toggle(apply, {
    title: `Apply plan ${shortId(model.job.id)}`, action: "Start DEPLOY", tendrils: `/api/workers?plan_job_id=${model.job.id}`,
    known: check(),
    harm: () => harmOf(model.job.id, get),
    check: async () => {
      await watch.refreshApply();
      return check();
    },
    run: async (worker) => goTo(await post(`${path}/apply`, worker ? { assigned_worker_id: worker } : {})),
  }));

  /** Runs one action at a time and shows refusals. */
  let isBusy = false;
  const once = async (button, run) => {
    if (isBusy) return;
    isBusy = true;
    button?.setAttribute("aria-disabled", "true");
    try {
      await run();
    } catch (error) {
      showError(error);
      watch.refresh().catch(() => {});
    } finally {
      isBusy = false;
      button?.removeAttribute("aria-disabled");
    }
  };
  cancel.addEventListener("click", () => once(cancel, async () => {
    const job = await post(`${path}/cancel`);
    // The response is the canceled job; otherwise reload it.
    if (job?.id) model.take(job);
    if (!model.isTerminal) await watch.refresh();
    announce("Cancelled", { urgent: true });
  }));
  rerun.addEventListener("click", () => once(rerun, async () => {
    const { rerun: type, rerun_note: note, changes, vine_changed: isOther } = await watch.refreshApply();
    if (!type) return void toast(note ?? "This job can't be run again.", { tone: "warn", key: "rerun" });
    if (type === "PLAN" && !isOther) return makeRerun();
    if (type === "PLAN") {
      return confirmFirst({
        title: `Re-run: PLAN of ${model.vine.title}`, text: "The vine changed after this job. Choose the configuration to plan.", action: "Start PLAN",
        choices: [
          { value: "vine", text: "Current configuration", why: "Plans the vine as it is now." },
          { value: "job", text: "This job's configuration", why: "Plans what this job used. The plan can't be applied unless the vine is changed back." },
        ],
        run: (_, choice) => (choice === "job" ? makeRerun() : planVine()),
      });
    }
    // Confirm first if it applies anything.
    confirmFirst({
      title: `Re-run: ${type} of ${model.vine.title}`, text: note, action: `Start ${type}`, run: makeRerun,
      ...(type === "DESTROY" ? { name: model.vine.title, isDanger: true } : { changes }),
    });
  }));

  /** A button for which a right is missing says which one, and does nothing. */
  const restrict = (button, right) => {
    const missing = model.access?.missing?.[right];
    button.toggleAttribute("data-missing", Boolean(missing));
    if (!missing) return;
    button.setAttribute("aria-disabled", "true");
    button.title = missing;
  };
  for (const button of [apply, cancel, rerun]) {
    button.addEventListener("click", (event) => {
      if (!button.hasAttribute("data-missing")) return;
      event.stopImmediatePropagation();
      toast(button.title, { tone: "warn", key: "missing" });
    }, { capture: true });
  }

  const draw = () => {
    const { job } = model;
    const focused = document.activeElement;
    cancel.hidden = model.isTerminal;
    const isDeleted = model.apply?.vine_deleted === true;
    apply.hidden = isDeleted || !(job.job_type === "PLAN" && job.status === "SUCCESS");
    rerun.hidden = isDeleted || !model.isTerminal;
    // Only one button is primary.
    apply.classList.toggle("primary", model.apply?.valid !== false);
    apply.title = model.apply?.valid === false ? model.apply.reason : "";
    rerun.title = model.apply?.rerun_note ?? "";
    restrict(apply, "jobs:apply");
    restrict(cancel, "jobs:cancel");
    restrict(rerun, model.apply?.rerun && model.apply.rerun !== "PLAN" ? "jobs:apply" : "jobs:plan");
    if (apply.hidden) popover.close();
    // Move the focus if a button disappears.
    if (focused instanceof HTMLElement && focused.hidden) [apply, rerun, cancel].find((button) => !button.hidden)?.focus();
  };
  model.onChange(draw);
  draw();

  return {
    remedy: () => once(null, async () => remedyOf()?.run()),
    freeAssignment: () => once(null, async () => {
      model.take(await patch(path, { assigned_worker_id: null }));
      announce("Changed to any available Tendril", { urgent: true });
    }),
  };
}
