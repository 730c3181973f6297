// What an apply destroys, by name: for the popover that starts it.

import { query } from "../../lib/api.js";
import { h } from "../../lib/dom.js";
import { count, counted } from "../../lib/format.js";
import { marked } from "../../lib/invisible.js";

const SIGNS = { replace_delete_first: ["−/+", "replace"], replace_create_first: ["+/−", "replace"], delete: ["−", "delete"] };
const ACTIONS = Object.keys(SIGNS);
// So many are named; of more, fewer, with a link to the rest.
const ALL = 8;
const SOME = 6;

/**
 * @param {string} job
 * @param {(path: string) => Promise<any>} get
 * @returns {Promise<Node[]>} nothing where nothing is destroyed, or the changes are not stored
 */
export async function harmOf(job, get) {
  const { summary, items } = await get(`/api/jobs/${job}/plan${query({ action: ACTIONS.join(","), limit: ALL + 1 })}`);
  const changes = items.filter((change) => !change.drift);
  const total = ACTIONS.reduce((sum, action) => sum + (summary.actions?.[action] ?? 0), 0);
  if (!changes.length) return [];
  const named = changes.length > ALL ? changes.slice(0, SOME) : changes;
  const list = h("ul", {}, ...named.map(({ action, address, deposed }) => {
    const [sign, name] = SIGNS[action];
    return h("li", {}, h("span", { class: "g", "data-a": name, "aria-hidden": "true", text: sign }),
      h("span", {}, h("span", { class: "sr", text: `${name} ` }), marked(h("code"), address), deposed ? ` (deposed object ${deposed})` : ""));
  }));
  if (total > named.length) {
    list.append(h("li", {}, h("span"), h("a", { href: `?view=changes&action=replace,delete` }, `and ${count(total - named.length)} more`)));
  }
  return [h("h3", { text: `Destroys ${counted(total, "resource")}` }), list];
}
