// The teams: who is a member, and which group of the identity provider makes one.

import { get, patch, post, remove } from "../lib/api.js";
import { confirmFirst } from "../lib/confirm.js";
import { h, icon, one, setText } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { names, onSubmit, openedBy } from "../lib/forms.js";
import { bindPager, LocalPager } from "../lib/pager.js";
import { announce } from "../lib/toast.js";

const panel = one("[data-teams-panel]");
const form = /** @type {HTMLFormElement} */ (one("[data-team-form]"));
const list = new LocalPager(20);
const drawPager = bindPager(one(".pager", panel), list);
/** The team that is edited. @type {any} */
let edited = null;
const toggle = openedBy(one("[data-team-new]"), form, form, one("[data-team-close]"));
one("[data-team-new]").addEventListener("click", () => fill(null));

/** @param {any} team null for a new one */
function fill(team) {
  edited = team;
  form.elements.name.value = team?.name ?? "";
  form.elements.name.readOnly = Boolean(team);
  form.elements.members.value = team?.members.join(", ") ?? "";
  form.elements.group.value = team?.group ?? "";
  one("[data-error]", form).hidden = true;
}

function row(team) {
  return h("tr", { "data-team": team.name },
    h("td", { class: "c-name" }, h("b", {}, team.name)),
    h("td", { "data-label": "Group" }, team.group ? h("code", {}, team.group) : h("span", { class: "dim" }, "no group")),
    h("td", { class: "num", "data-label": "Listed" }, h("span", { title: team.members.slice(0, 50).join(", ") }, count(team.members.length))),
    h("td", { class: "c-actions" }, h("span", { class: "row" },
      h("button", { class: "icon-btn", type: "button", "aria-label": `Edit the team ${team.name}`, on: { click: () => { toggle(true); fill(team); form.elements.members.focus(); } } }, icon("edit", "s")),
      h("button", { class: "icon-btn", type: "button", "aria-label": `Delete the team ${team.name}`, on: { click: () => drop(team) } }, icon("x", "s")))));
}

function drop(team) {
  confirmFirst({
    title: `Delete the team ${team.name}`, text: "Its members lose the roles that they have through it, at once.", action: "Delete", isDanger: true,
    run: async () => {
      await remove(`/api/teams/${encodeURIComponent(team.name)}`);
      await drawTeams();
      announce("Deleted", { urgent: true });
    },
  });
}

list.onChange = () => {
  one("[data-team-rows]").replaceChildren(...list.items.map(row));
  one(".table-wrap", panel).hidden = !list.total;
  one("[data-no-teams]").hidden = list.total > 0;
  setText(one("[data-team-count]"), list.total ? count(list.total) : "");
  drawPager();
};

onSubmit(form, one("[data-error]", form), async ({ name, members, group }) => {
  const team = { members: names(members.value), group: group.value.trim() || null };
  if (edited) await patch(`/api/teams/${encodeURIComponent(edited.name)}`, team);
  else await post("/api/teams", { name: name.value.trim(), ...team });
  toggle(false);
  announce("Team saved");
  await drawTeams();
});

/** Fetches the teams. */
export async function drawTeams() {
  list.set((await get("/api/teams")).items);
}
