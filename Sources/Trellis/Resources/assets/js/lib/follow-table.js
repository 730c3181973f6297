// Keeps a list in step with a table of the server: a change is a reason to ask anew. The list's own polling goes
// on, slower while changes are told of.

import { Realtime } from "./realtime.js";
import { seldom } from "./throttle.js";

const GAP = 300;
const TOLD = 15_000;
const UNTOLD = 3000;

/**
 * @param {import("./list.js").LiveList} list
 * @param {string} table
 */
export function followTable(list, table) {
  // A list that nobody sees is asked for when it is seen again.
  const refresh = seldom(GAP, async () => { if (!document.hidden) await list.refresh(); });
  const channel = new Realtime().channel(table, {
    bindings: () => [{ event: "*", schema: "public", table }],
    on: { [table]: refresh },
    onReady: () => {
      list.poll.pace(TOLD);
      refresh(); // what changed before anybody listened
    },
    onDown: () => list.poll.pace(UNTOLD),
  });
  list.onRefused = () => channel.leave();
}
