// Force cancel and Give up: for a hanging cancel or an unreachable Tendril.

import { post } from "../../lib/api.js";
import { confirmFirst } from "../../lib/confirm.js";
import { connection } from "../../lib/connection.js";
import { one } from "../../lib/dom.js";
import { now } from "../../lib/timing.js";
import { announce } from "../../lib/toast.js";
import { heartbeatText } from "./text.js";

const RUNS = new Set(["RUNNING", "STOPPING"]);

/** Which of the two actions are available. @param {import("../model.js").JobModel} model */
export function forceActions({ job, worker }) {
  // A page that can't reach the server knows nothing of the Tendril either.
  if (connection.isOffline) return { force: false, giveUp: false };
  const isLost = RUNS.has(job.engine_state) && heartbeatText(job, worker).lost;
  const isStopping = job.status === "CANCELLED" && job.engine_state === "STOPPING";
  return { force: isStopping && !job.forced && !isLost, giveUp: isLost || isStopping && isUnstoppable(job) };
}

/** Whether the Tendril is connected but Terraform did not exit after being killed. @param {import("../model.js").Job} job */
function isUnstoppable({ forced, give_up: rule }) {
  return forced && rule != null && (rule.allowed || now() >= Date.parse(rule.allowed_from ?? ""));
}

const ASKS = {
  force: {
    path: "force-cancel", title: "Force cancel", action: "Kill Terraform", done: "Terraform is being killed", cancel: "Keep waiting",
    text: "Kills Terraform and everything it started at once (SIGKILL). Resources that are being created or changed may exist without being in the state. Wait if you can: Terraform writes its state when it stops.",
  },
  giveUp: {
    path: "give-up", title: "Give up this job", action: "Give up", done: "Given up", cancel: "Keep waiting",
    text: "Ends the job although Terraform may still be running on its Tendril. The vine's state stays locked until the Tendril returns and saves it, or someone breaks the lock. Vintner won't re-apply anything.",
  },
};

/**
 * @param {import("../model.js").JobModel} model
 * @param {import("../feed/status-poll.js").StatusPoll} watch
 */
export function startForceActions(model, watch) {
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
    const can = forceActions(model);
    for (const [name, button] of Object.entries(buttons)) if (button.hidden === can[name]) button.hidden = !can[name];
  };
  model.onChange(draw);
  connection.onChange(draw);
  // A missing heartbeat triggers no event, so check periodically.
  setInterval(draw, 2000);
  draw();
}
