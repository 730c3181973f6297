// The three details sections.

import { copyFrom } from "../../lib/copy.js";
import { all, badge, h, icon, one } from "../../lib/dom.js";
import { exact, shortId, span } from "../../lib/format.js";
import { marked } from "../../lib/invisible.js";
import { jsonText, jsonView } from "../../lib/json-view.js";
import { pref, setPref } from "../../lib/prefs.js";
import { configView } from "./config-view.js";

const WIDE = matchMedia("(min-width: 100em)");

/** @param {import("../model.js").JobModel} model @param {(run: () => void) => void} soon when they are first filled */
export function startDetails(model, soon) {
  openAsRemembered();
  const drawn = new Map();
  const draw = () => {
    const { job } = model;
    /** @type {[string, any, () => Node][]} */
    const panes = [
      ["job", { ...job, server_now: null, config_snapshot: null, execution_metadata: null, deploy: model.apply?.deploy_id }, () => jobList(model)],
      ["config", job.config_snapshot, () => configView(inOrder(job.config_snapshot ?? {}))],
      ["metadata", [job.execution_metadata, job.truncated], () => metadata(job)],
    ];
    for (const [name, value, make] of panes) {
      // Don't redraw a pane without a change.
      const key = JSON.stringify(value ?? null);
      if (drawn.get(name) === key) continue;
      drawn.set(name, key);
      const pane = one(`[data-pane="${name}"]`);
      const { scrollTop } = pane;
      pane.replaceChildren(make());
      pane.scrollTop = scrollTop;
    }
  };
  model.onChange(draw);
  soon(draw);
  for (const button of all("[data-copy-json]")) {
    button.addEventListener("click", () => {
      const { config_snapshot: config, execution_metadata: found } = model.job;
      copyFrom(button, jsonText(button.dataset.copyJson === "config" ? inOrder(config) : found), "Copied JSON");
    });
  }
}

// Beside the log they are open unless the user closed them; under it they are closed.
function openAsRemembered() {
  const closed = new Set((pref("details.closed") ?? "").split(",").filter(Boolean));
  const place = () => {
    for (const details of all("[data-details]")) details.open = WIDE.matches && !closed.has(details.dataset.details);
  };
  place();
  WIDE.addEventListener("change", place);
  // Save on click: the `toggle` event comes one task later, when the page may be reloading.
  for (const details of all("[data-details]")) {
    one("summary", details).addEventListener("click", () => {
      if (!WIDE.matches) return;
      const { details: name } = details.dataset;
      details.open ? closed.add(name) : closed.delete(name);
      setPref("details.closed", [...closed].join(","));
    });
  }
}

// Fields in reading order; the digest last.
const TELLING = ["vine_id", "revision", "project_name", "environment_stage", "region", "engine", "source", "variables", "environment"];

function inOrder(snapshot) {
  const first = TELLING.filter((name) => name in snapshot);
  const rest = Object.keys(snapshot).filter((name) => !first.includes(name));
  return Object.fromEntries([...first, ...rest].map((name) => [name, snapshot[name]]));
}

function metadata(job) {
  const value = job.execution_metadata;
  const cut = job.truncated?.length
    ? h("p", { class: "cut-note" }, icon("warn", "s"), `Too large to store whole; cut: ${job.truncated.join(", ")}.`) : null;
  if (value && Object.keys(value).length) return h("div", {}, cut, jsonView(value));
  if (cut) return cut;
  return h("p", { class: "dim" }, "No metadata yet.");
}

// The text for each engine state.
const TERRAFORM = { NONE: "not started", RUNNING: "running", STOPPING: "stopping", GONE: "exited", UNKNOWN: "unknown" };

/** @param {import("../model.js").JobModel} model */
function jobList(model) {
  const { job, vine } = model;
  const none = (text = "–") => h("span", { class: "dim" }, text);
  const jobLink = (id) => h("a", { class: "mono", href: `/dashboard/jobs/${id}`, title: id }, shortId(id));
  const list = (...rows) => {
    const dl = h("dl", { class: "kv" });
    for (const row of rows) if (row) dl.append(h("dt", {}, row[0]), h("dd", {}, ...[row[1]].flat()));
    return dl;
  };
  const time = (value, since) => {
    if (!value) return none(model.isTerminal ? "–" : "not yet");
    const ms = Date.parse(value);
    /** @type {(Node|string)[]} */
    const parts = [h("time", { datetime: value }, exact(ms))];
    if (since) parts.push(" ", h("span", { class: "delta" }, `+${span(ms - Date.parse(since))}`));
    return parts;
  };
  const held = model.isTerminal ? "released" : "held";
  const names = (found) => (found?.length ? found.join(", ") : null);
  const { outcome } = job;
  const box = h("div", {});
  box.append(
    list(
      ["Job ID", h("code", {}, job.id)],
      ["Type", job.job_type],
      ["Status", badge(job.status)],
      job.error_message ? ["Error", marked(h("span", { class: "pre" }), job.error_message)] : null,
      typeof job.warnings === "number" && job.warnings ? ["Warnings", String(job.warnings)] : null,
      ["Terraform", h("span", { title: job.engine_state }, TERRAFORM[job.engine_state] ?? job.engine_state)],
      ["Log state", [job.log_state, job.log_state_reason ? `: ${job.log_state_reason}` : null].filter(Boolean).join("")],
      ["Vine", [h("a", { href: `/dashboard/vines#${job.vine_id}` }, vine.title), job.config_snapshot?.region ? `, ${job.config_snapshot.region}` : ""]],
      ["Started by", job.created_by],
      job.cancelled_by ? ["Cancelled by", job.cancelled_by] : null,
    ),
    list(
      ["Tendril", job.worker_id ? job.worker_name ?? job.worker_id : none("–")],
      ["Requested Tendril", job.assigned_worker_id ? (job.worker_id === job.assigned_worker_id || !job.worker_id ? job.worker_name : null) ?? job.assigned_worker_id : "Any available"],
      ["Lease", job.epoch ? `${held} (attempt ${job.epoch})` : none("–")],
      ["From plan", job.plan_job_id ? jobLink(job.plan_job_id) : none()],
      model.apply?.deploy_id ? ["Applied by", jobLink(model.apply.deploy_id)] : null,
      ["Re-run of", job.rerun_of ? jobLink(job.rerun_of) : none()],
      ["Re-runs", job.reruns?.length ? job.reruns.flatMap((id, i) => (i ? [", ", jobLink(id)] : [jobLink(id)])) : none()],
      job.waiting_for && job.status === "QUEUED" ? ["Waits for", job.waiting_for.message] : null,
      names(job.targets) ? ["Targets", marked(h("span", { class: "mono" }), names(job.targets))] : null,
      names(job.replace) ? ["Replace", marked(h("span", { class: "mono" }), names(job.replace))] : null,
      job.refresh_only ? ["Refresh only", "yes"] : null,
      job.parallelism ? ["Parallelism", String(job.parallelism)] : null,
      job.log_level ? ["Terraform log", job.log_level] : null,
      job.identity_id ? ["Cloud identity", h("a", { class: "mono", href: `/dashboard/identities?id=${job.identity_id}` }, shortId(job.identity_id))] : null,
      job.phase ? ["Tested", job.phase === "plan" ? "for planning" : "for applying"] : null,
    ),
    outcome ? list(
      ["Outcome", `${outcome.result}${outcome.phase ? ` in ${outcome.phase}` : ""}`],
      outcome.summary ? ["Summary", outcome.summary] : null,
      Number.isFinite(outcome.exit_code) ? ["Exit status", String(outcome.exit_code)] : null,
      Number.isFinite(outcome.signal) ? ["Signal", String(outcome.signal)] : null,
      Number.isFinite(outcome.state_serial_before) || Number.isFinite(outcome.state_serial_after)
        ? ["State serial", `${outcome.state_serial_before ?? "none"} → ${outcome.state_serial_after ?? "none"}`] : null,
      typeof outcome.lock_released === "boolean" ? ["Lock", outcome.lock_released ? "released" : "still held"] : null,
    ) : "",
    list(
      ["Created", time(job.created_at)],
      ["Claimed", time(job.claimed_at, job.created_at)],
      ["Started", time(job.started_at, job.claimed_at ?? job.created_at)],
      ["Completed", time(job.completed_at, job.started_at ?? job.created_at)],
    ),
  );
  return box;
}
