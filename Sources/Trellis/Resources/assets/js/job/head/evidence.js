// The evidence of an apply: what the file holds, before it is downloaded.

import { h, one } from "../../lib/dom.js";
import { count, shortId } from "../../lib/format.js";

/** @param {import("../model.js").JobModel} model */
export function startEvidence(model) {
  const button = one('[data-action="evidence"]');
  const dialog = /** @type {HTMLDialogElement} */ (one("#evidence"));

  button.addEventListener("click", () => {
    const { job } = model;
    const { serial_before: before, serial_after: after } = job.outcome ?? {};
    const states = [before, after].filter((serial) => serial !== undefined && serial !== null).map(count).join(" to ");
    const rows = [
      ["Vine, commit and digest of the configuration", shortId(job.vine_id)],
      job.plan_job_id ? ["Plan and its digest", shortId(job.plan_job_id)] : null,
      ["Who planned and applied, with their roles", job.created_by],
      ["State before and after, by digests", states ? `serial ${states}` : ""],
      ["The whole log, with its digests", job.log_state?.toLowerCase() ?? ""],
      ["Audit events with their hashes", ""],
      ["Signature (Ed25519)", ""],
    ];
    one("[data-evidence-list]").replaceChildren(...rows.filter((row) => row !== null).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    dialog.showModal();
  });
  one("[data-evidence-close]").addEventListener("click", () => dialog.close());

  const draw = () => { button.hidden = ["PLAN", "CONNECTION_TEST"].includes(model.job.job_type) || !model.isFinal || model.job.engine_state === "RUNNING"; };
  model.onChange(draw);
  draw();
}
