// Force cancel and Give up: what is left where a cancel does not end, or the Tendril does not answer.

import { announce } from "../lib/announce.js";
import { post } from "../lib/api.js";
import { now } from "../lib/clock.js";
import { one, setText } from "../lib/dom.js";
import { messageOf } from "../lib/problem.js";
import { contact } from "./words.js";

const RUNS = new Set(["RUNNING", "STOPPING"]);

/** Which of the two can be done now. @param {import("./model.js").JobModel} model */
export function lastResorts({ job, worker }) {
  const isLost = RUNS.has(job.engine_state) && contact(job, worker, now()).lost;
  return { force: job.status === "CANCELLED" && job.engine_state === "STOPPING" && !job.forced && !isLost, giveUp: isLost };
}

const ASKS = {
  force: {
    path: "force-cancel", title: "Force cancel", action: "Kill Terraform", done: "Terraform is being killed",
    text: "Terraform and all that it started are killed at once (SIGKILL). What is just being made or changed may exist afterwards without standing in the state. Wait, if you can: it is stopping, and writes its state when it does.",
  },
  giveUp: {
    path: "give-up", title: "Give up this job", action: "Give up", done: "Given up",
    text: "The job ends as failed, because its Tendril can't be reached. Terraform may still be running there: the vine's state stays locked until the Tendril comes back and has saved it, or somebody breaks the lock. Nothing is applied again on its own.",
  },
};

/**
 * @param {import("./model.js").JobModel} model
 * @param {import("./watch.js").Watch} watch
 */
export function startLastResorts(model, watch) {
  const dialog = /** @type {HTMLDialogElement} */ (one("#last-resort"));
  const [act, problem] = [one("[data-resort-do]"), one("[data-resort-error]")];
  const buttons = { force: one('[data-action="force"]'), giveUp: one('[data-action="give-up"]') };
  let chosen = "force";

  for (const [name, button] of Object.entries(buttons)) {
    button.addEventListener("click", () => {
      chosen = name;
      const ask = ASKS[name];
      setText(one("[data-resort-title]"), ask.title);
      setText(one("[data-resort-text]"), ask.text);
      setText(act, ask.action);
      problem.hidden = true;
      dialog.showModal();
    });
  }
  for (const close of dialog.querySelectorAll("[data-resort-close]")) close.addEventListener("click", () => dialog.close());
  act.addEventListener("click", async () => {
    act.disabled = true;
    try {
      model.take(await post(`/api/jobs/${model.job.id}/${ASKS[chosen].path}`));
      dialog.close();
      announce(ASKS[chosen].done, { urgent: true });
      watch.refresh().catch(() => {});
    } catch (error) {
      problem.hidden = false;
      problem.textContent = messageOf(error);
    } finally {
      act.disabled = false;
    }
  });

  const draw = () => {
    const can = lastResorts(model);
    for (const [name, button] of Object.entries(buttons)) if (button.hidden === can[name]) button.hidden = !can[name];
    if (!can[chosen] && dialog.open) dialog.close();
  };
  model.onChange(draw);
  // Silence is no event.
  setInterval(draw, 2000);
  draw();
}
