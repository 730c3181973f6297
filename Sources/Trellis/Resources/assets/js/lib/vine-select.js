// A filter by vine: its choices are the vines of the server.

import { get, query } from "./api.js";
import { h, one } from "./dom.js";
import { showError } from "./toast.js";

// Further vines are found by their page.
const MAX = 1000;

/**
 * Fills the page's `select[data-vines]`, and chooses `id`.
 * @param {string} id
 */
export async function fillVines(id) {
  const select = one("[data-vines]");
  // The choice is known before its name is.
  if (id) select.append(h("option", { value: id, selected: true }, "One vine"));
  try {
    let cursor = null;
    let count = 0;
    do {
      const page = await get(`/api/vines${query({ limit: 200, cursor })}`);
      for (const vine of page.items) {
        count += 1;
        const title = `${vine.project_name} / ${vine.environment_stage}`;
        const known = [...select.options].find((option) => option.value === vine.id);
        if (known) known.textContent = title;
        else select.append(h("option", { value: vine.id }, title));
      }
      cursor = page.next_cursor;
    } while (cursor && count < MAX);
  } catch (error) {
    showError(error);
  }
}

/** The time `days` ago, as the API takes it; nothing for no days. @param {string} days */
export const daysAgo = (days) => (Number(days) > 0 ? new Date(Math.floor(Date.now() / 60_000) * 60_000 - Number(days) * 86_400_000).toISOString() : "");
