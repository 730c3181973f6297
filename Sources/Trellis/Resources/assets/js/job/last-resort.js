// Force cancel and Give up: what is left where a cancel does not end, or the Tendril does not answer.

import { announce } from "../lib/announce.js";
import { post } from "../lib/api.js";
import { now } from "../lib/clock.js";
import { confirmFirst } from "../lib/confirm.js";
import { one } from "../lib/dom.js";
import { contact } from "./words.js";

const RUNS = new Set(["RUNNING", "STOPPING"]);

/** Which of the two can be done now. @param {import("./model.js").JobModel} model */
export function lastResorts({ job, worker }) {
  const isLost = RUNS.has(job.engine_state) && contact(job, worker, now()).lost;
  return { force: job.status === "CANCELLED" && job.engine_state === "STOPPING" && !job.forced && !isLost, giveUp: isLost };
}

const ASKS = {
  force: {
    path: "force-cancel", title: "Force cancel", action: "Kill Terraform", cancel: "Keep waiting", done: "Terraform is being killed",
    text: "Terraform and all that it started are killed at once (SIGKILL). What is just being made or changed may exist afterwards without standing in the state. Wait, if you can: it is stopping, and writes its state when it does.",
  },
  giveUp: {
    path: "give-up", title: "Give up this job", action: "Give up", cancel: "Keep waiting", done: "Given up",
    text: "The job ends here, because its Tendril can't be reached. Terraform may still be running there: the vine's state stays locked until the Tendril comes back and has saved it, or somebody breaks the lock. Nothing is applied again on its own.",
  },
};

/**
 * @param {import("./model.js").JobModel} model
 * @param {import("./watch.js").Watch} watch
 */
export function startLastResorts(model, watch) {
  const buttons = { force: one('[data-action="force"]'), giveUp: one('[data-action="give-up"]') };
  for (const [name, button] of Object.entries(buttons)) {
    const { path, title, text, action, cancel, done } = ASKS[name];
    button.addEventListener("click", () => confirmFirst({
      title, text, action, cancel, isDanger: true,
      run: async () => {
        model.take(await post(`/api/jobs/${model.job.id}/${path}`));
        announce(done, { urgent: true });
        watch.refresh().catch(() => {});
      },
    }));
  }
  const draw = () => {
    const can = lastResorts(model);
    for (const [name, button] of Object.entries(buttons)) if (button.hidden === can[name]) button.hidden = !can[name];
  };
  model.onChange(draw);
  // Silence is no event.
  setInterval(draw, 2000);
  draw();
}
