// How far a running job is, and when it will probably end.

import { h } from "../../lib/dom.js";
import { count, span, ticking } from "../../lib/format.js";
import { marked } from "../../lib/invisible.js";

/** @typedef {{left: number, total: number}} Progress */
/** @typedef {{remaining_ms: number, p90_ms: number, waiting_on?: string, usual_ms?: number, basis: string}} Forecast */

/** What is left of the time that a forecast named when it came. @param {any} job @param {number} now */
export function remaining(job, now) {
  const { forecast, forecast_at: came } = job;
  return forecast ? Math.max(0, forecast.remaining_ms - Math.max(0, now - came)) : null;
}

/**
 * `3 of 41 left, about 2 min 10 s, waiting for module.db.x (usually 6 min)`, as text and as nodes; null if nothing is known.
 * @param {any} job
 * @param {number} now
 * @returns {{text: string, nodes: (Node|string)[], done: number|null}|null} `done` is null where nothing can be counted
 */
export function forecastLine(job, now) {
  const progress = /** @type {Progress|undefined} */ (job.progress);
  if (!progress) return plannedEnd(job, now);
  if (!progress.left) return null;
  const done = (progress.total - progress.left) / progress.total;
  const left = `${count(progress.left)} of ${count(progress.total)} left`;
  const forecast = /** @type {Forecast|undefined} */ (job.forecast);
  const rest = remaining(job, now);
  if (!forecast || rest === null) return { text: `${left}. No history yet.`, nodes: [h("b", {}, left), ". No history yet."], done };
  const head = rest < 1000 ? `${left}, almost done` : `${left}, about ${ticking(rest)}`;
  if (!forecast.waiting_on) return { text: head, nodes: [h("b", {}, head)], done };
  const usual = forecast.usual_ms ? ` (usually ${span(forecast.usual_ms)})` : "";
  return {
    text: `${head}, waiting for ${forecast.waiting_on}${usual}`,
    nodes: [h("b", {}, head), ", waiting for ", marked(h("code"), forecast.waiting_on), usual], done,
  };
}

// A PLAN counts no resources, but earlier ones took their time.
function plannedEnd(job, now) {
  const rest = remaining(job, now);
  if (rest === null) return null;
  const text = rest < 1000 ? "Almost done" : `About ${ticking(rest)} left`;
  return { text, nodes: [h("b", {}, text)], done: null };
}

/** The share that is done, as a line at the foot of the strip. @param {number} done from 0 to 1 */
export function doneTrack(done) {
  const bar = h("i");
  bar.style.width = `${done * 100}%`;
  return h("span", {
    class: "track", role: "progressbar", "aria-label": "Resources done", "aria-valuemin": 0, "aria-valuemax": 100,
    "aria-valuenow": Math.floor(done * 100),
  }, bar);
}
