// What is said of a Tendril in lists: whether it can be chosen, and why not.

import { now } from "./clock.js";
import { counted, ticking } from "./format.js";

/** @param {any} worker a WorkerRecord @returns {string} */
export function tendrilNote(worker) {
  const active = worker.active_jobs?.length ?? 0;
  const version = worker.version ? `, v${worker.version}` : "";
  switch (worker.status) {
    case "ONLINE":
      return active === 0 ? `Idle, 0 of ${counted(worker.slots, "job")}${version}` : `${active} of ${counted(worker.slots, "job")}${version}`;
    case "DRAINING":
      return active ? `Finishes ${counted(active, "job")}, takes no new ones` : "Takes no new jobs";
    default:
      return worker.last_seen_at ? `No heartbeat for ${ticking(now() - Date.parse(worker.last_seen_at))}` : "Has never connected";
  }
}
