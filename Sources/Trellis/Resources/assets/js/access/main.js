// Who may do what: grants by place, teams, vineyards, and what the reader may do.

import "../account.js";
import { get, patch, post, query, remove } from "../lib/api.js";
import { confirmFirst } from "../lib/confirm.js";
import { all, h, icon, one, setText } from "../lib/dom.js";
import { announce, messageOf, showError } from "../lib/toast.js";
import { COLUMNS, ROLES } from "./roles.js";

// Enough for one page; more are found by the vine's own page.
const VINES = 200;

/**
 * @typedef {{scope: string, name: string, parent: string|null, vine?: any}} Place
 */
/** @type {Map<string, Place>} */
const places = new Map();
let me = null;
let current = new URLSearchParams(location.search).get("scope") ?? "installation";

const may = (right, scope = current) => (me?.roles ?? []).some((held) => chain(scope).includes(held.scope)
  && (right === "grants:manage" ? held.role === "admin" : false));
const isAdmin = () => may("grants:manage", "installation");

/** A place with what is above it. @param {string} scope @returns {string[]} */
function chain(scope) {
  const place = places.get(scope);
  return place?.parent ? [scope, ...chain(place.parent)] : [scope];
}

function ticks(role) {
  return COLUMNS.map((column) => {
    const allows = ROLES[role]?.allows.includes(column);
    return h("td", { class: "tick", "data-label": column },
      allows ? icon("check") : h("span", { "aria-hidden": "true" }, "–"), h("span", { class: "sr" }, allows ? "yes" : "no"));
  });
}

async function everything(path, values = {}) {
  const items = [];
  let cursor = null;
  do {
    const page = await get(`${path}${query({ ...values, cursor })}`);
    items.push(...page.items);
    cursor = page.next_cursor ?? null;
  } while (cursor);
  return items;
}

async function loadPlaces() {
  const [vineyards, vines] = [(await get("/api/vineyards")).items, (await get(`/api/vines${query({ limit: VINES })}`)).items];
  places.clear();
  places.set("installation", { scope: "installation", name: "Installation", parent: null });
  for (const vineyard of vineyards) {
    const scope = `vineyard:${vineyard.id}`;
    places.set(scope, { scope, name: vineyard.name, parent: "installation" });
    for (const vine of vines.filter((item) => item.vineyard_id === vineyard.id)) {
      places.set(`vine:${vine.id}`, { scope: `vine:${vine.id}`, name: `${vine.project_name} / ${vine.environment_stage}`, parent: scope, vine });
    }
  }
  if (!places.has(current)) current = "installation";
}

function drawPlaces() {
  one("[data-places]").replaceChildren(...[...places.values()].map((place) => h("li", { "data-depth": String(chain(place.scope).length - 1) },
    h("button", { type: "button", class: "place", "data-scope": place.scope, "aria-current": place.scope === current ? "true" : null, on: { click: () => choose(place.scope) } }, place.name))));
}

async function choose(scope) {
  current = scope;
  history.replaceState(null, "", scope === "installation" ? location.pathname : `?scope=${scope}`);
  for (const button of all("[data-scope]")) {
    if (button.dataset.scope === scope) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  await drawGrants();
}

async function drawGrants() {
  const scope = current;
  const grants = (await Promise.all(chain(scope).map((at) => everything("/api/grants", { scope: at })))).flat();
  if (scope !== current) return;
  const place = places.get(scope);
  setText(one("[data-place-name]"), scope === "installation" ? "the installation" : place?.name ?? "");
  const rows = grants.map((grant) => {
    const [kind, ...name] = grant.principal.split(":");
    const isHere = grant.scope === scope;
    return h("tr", { "data-grant-id": grant.id },
      h("td", { class: "c-name" }, h("b", {}, name.join(":")), kind === "user" ? null : h("span", { class: "dim" }, ` ${kind === "team" ? "team" : "service account"}`)),
      h("td", { "data-label": "Role" }, h("code", {}, grant.role)),
      h("td", { "data-label": "Granted on" }, isHere ? "here" : places.get(grant.scope)?.name ?? grant.scope),
      ...ticks(grant.role),
      h("td", { class: "c-actions" }, isHere && may("grants:manage") && grant.principal !== "user:admin"
        ? h("button", { type: "button", class: "btn small", "aria-label": `Revoke ${grant.role} of ${name.join(":")}`, on: { click: () => revoke(grant) } }, "Revoke") : null));
  });
  one("[data-rows]").replaceChildren(...rows);
  one("[data-nothing]").hidden = rows.length > 0;
  one("[data-nothing]").replaceChildren(h("p", {}, "No grants that you may see."));
  one("[data-two-people]").hidden = place?.vine?.two_people !== true;
  one("[data-grant-panel]").hidden = !may("grants:manage");
}

function revoke(grant) {
  confirmFirst({
    title: `Revoke ${grant.role}`, text: `${grant.principal} loses this role at once, on open pages too.`, action: "Revoke", isDanger: true,
    run: async () => {
      await remove(`/api/grants/${grant.id}`);
      announce("Revoked", { urgent: true });
      await refresh();
    },
  });
}

function drawMe() {
  const text = one("[data-you-text]");
  if (!me.roles.length) {
    setText(text, "You have no role yet. An administrator of this installation can grant you one.");
    return;
  }
  text.replaceChildren(...me.roles.flatMap((held, i) => [i ? ", " : "You are ", h("b", {}, held.role), ` on ${places.get(held.scope)?.name ?? held.scope}`,
    held.through.startsWith("team:") ? ` through the team ${held.through.slice(5)}` : ""]), ".");
}

async function drawTeams() {
  const { items } = await get("/api/teams");
  one("[data-teams]").replaceChildren(...items.map((team) => h("li", { class: "team" }, h("b", {}, team.name), " ",
    h("span", { class: "text-2" }, [team.members.join(", ") || "no listed members", team.group ? `group ${team.group}` : ""].filter(Boolean).join("; ")),
    isAdmin() ? h("button", { type: "button", class: "btn small", "aria-label": `Delete the team ${team.name}`, on: { click: () => deleteTeam(team) } }, "Delete") : null)),
  ...(items.length ? [] : [h("li", { class: "text-2" }, "No teams yet.")]));
  one("[data-team]").hidden = !isAdmin();
}

function deleteTeam(team) {
  confirmFirst({
    title: `Delete the team ${team.name}`, text: "Its members lose the roles that they have through it.", action: "Delete", isDanger: true,
    run: async () => {
      await remove(`/api/teams/${encodeURIComponent(team.name)}`);
      await refresh();
    },
  });
}

/** @param {string} selector @param {(form: any) => Promise<any>} run */
function onSubmit(selector, run) {
  const form = /** @type {HTMLFormElement} */ (one(selector));
  const problem = one("[data-error]", form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.hidden = true;
    const button = one("button[type=submit]", form);
    button.disabled = true;
    try {
      await run(form.elements);
      form.reset();
      await refresh();
    } catch (error) {
      problem.textContent = messageOf(error);
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
}

onSubmit("[data-grant]", async ({ kind, name, role }) => {
  await post("/api/grants", { principal: `${kind.value}:${name.value.trim()}`, role: role.value, scope: current });
  announce(`${role.value} granted`);
});
onSubmit("[data-team]", async ({ name, members, group }) => {
  const team = { members: members.value.split(",").map((text) => text.trim()).filter(Boolean), group: group.value.trim() || null };
  const title = name.value.trim();
  const isKnown = (await get("/api/teams")).items.some((item) => item.name === title);
  if (isKnown) await patch(`/api/teams/${encodeURIComponent(title)}`, team);
  else await post("/api/teams", { name: title, ...team });
});
onSubmit("[data-vineyard]", ({ name }) => post("/api/vineyards", { name: name.value.trim() }));

async function refresh() {
  me = await get("/api/me");
  if (me.rights.includes("vines:read")) {
    await loadPlaces();
    drawPlaces();
    await Promise.all([drawGrants(), drawTeams()]);
  }
  one("[data-vineyard-panel]").hidden = !isAdmin();
  drawMe();
}

one("[data-roles]").replaceChildren(...Object.entries(ROLES).map(([role, { summary }]) => h("tr", {},
  h("td", {}, h("code", {}, role)), h("td", { class: "c-summary" }, summary), ...ticks(role))));
refresh().catch(showError);
