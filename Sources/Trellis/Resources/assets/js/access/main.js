// Who may do what: grants by place, teams, vineyards, and what the reader may do.

import "../account.js";
import { get, post, query, remove } from "../lib/api.js";
import { confirmFirst } from "../lib/confirm.js";
import { all, h, icon, one, setText } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { onSubmit } from "../lib/forms.js";
import { bindPager, LocalPager, Pager } from "../lib/pager.js";
import { placeNames } from "../lib/roles.js";
import { announce, showError } from "../lib/toast.js";
import { COLUMNS, ROLES } from "./roles.js";

// More vineyards are found by their name.
const VINEYARDS = 50;

/**
 * @typedef {{scope: string, name: string, parent: string|null, vine?: any}} Place
 */
/** @type {Map<string, Place>} */
const places = new Map();
/** @type {any[]} */
let vineyards = [];
let placeName = placeNames([]);
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

const search = /** @type {HTMLFormElement} */ (one("[data-place-search]"));
const sought = () => search.elements.q.value.trim();
const vines = new Pager("/api/vines", { size: 20, every: 60_000, filter: () => ({ q: sought() }) });
const drawVinePager = bindPager(one("[data-place-pager]"), vines);
const grants = new LocalPager(100);
const drawGrantPager = bindPager(one("[data-grant-pager]"), grants);

/** @param {any} vine */
function addVine(vine) {
  const scope = `vine:${vine.id}`;
  places.set(scope, { scope, name: `${vine.project_name} / ${vine.environment_stage}`, parent: `vineyard:${vine.vineyard_id}`, vine });
}

/** What is above the vines, and the place that the address names. */
async function loadPlaces() {
  vineyards = (await get("/api/vineyards")).items;
  placeName = placeNames(vineyards);
  places.clear();
  places.set("installation", { scope: "installation", name: "Installation", parent: null });
  for (const { id, name } of vineyards) places.set(`vineyard:${id}`, { scope: `vineyard:${id}`, name, parent: "installation" });
  if (current.startsWith("vine:")) await get(`/api/vines/${current.slice(5)}`).then(addVine).catch(() => {});
  if (!places.has(current)) current = "installation";
}

/** The rows of the tree: one page of vines below their vineyards, and the other vineyards as far as there is room. */
function shownPlaces() {
  const text = sought().toLowerCase();
  /** @type {Map<string, any[]>} */
  const page = new Map();
  for (const vine of vines.items) page.set(vine.vineyard_id, [...(page.get(vine.vineyard_id) ?? []), vine]);
  const matching = vineyards.filter(({ id, name }) => page.has(id) || current === `vineyard:${id}` || name.toLowerCase().includes(text));
  const kept = matching.filter(({ id }, i) => i < VINEYARDS || page.has(id) || current === `vineyard:${id}`);
  const scopes = kept.flatMap(({ id }) => [`vineyard:${id}`, ...(page.get(id) ?? []).map((vine) => `vine:${vine.id}`)]);
  if (current.startsWith("vine:") && !scopes.includes(current)) {
    const above = scopes.indexOf(places.get(current)?.parent ?? "");
    scopes.splice(above + 1, 0, ...(above < 0 ? [places.get(current)?.parent ?? ""] : []), current);
  }
  return { scopes: ["installation", ...scopes.filter((scope) => places.has(scope))], more: matching.length - kept.length };
}

function drawPlaces() {
  for (const vine of vines.items) addVine(vine);
  const { scopes, more } = shownPlaces();
  const focused = /** @type {HTMLElement|null} */ (document.activeElement)?.dataset.scope;
  one("[data-places]").replaceChildren(...scopes.map((scope) => {
    const place = places.get(scope);
    return h("li", { "data-depth": String(chain(scope).length - 1) },
      h("button", { type: "button", class: "place", "data-scope": scope, "aria-current": scope === current ? "true" : null, on: { click: () => choose(scope) } }, place.name));
  }));
  if (focused) /** @type {HTMLElement|null} */ (document.querySelector(`[data-scope="${focused}"]`))?.focus();
  setText(one("[data-place-note]"), more ? `${count(more)} more vineyards. Search for their names.` : "A role counts for everything below it.");
  drawVinePager();
}
vines.onChange = drawPlaces;
search.addEventListener("input", () => {
  drawPlaces();
  vines.filterSoon("vine");
});
search.addEventListener("submit", (event) => event.preventDefault());

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
  const found = (await Promise.all(chain(scope).map((at) => everything("/api/grants", { scope: at })))).flat();
  if (scope !== current) return;
  setText(one("[data-place-name]"), scope === "installation" ? "the installation" : places.get(scope)?.name ?? "");
  grants.set(found);
}

grants.onChange = () => {
  const scope = current;
  const place = places.get(scope);
  const rows = grants.items.map((grant) => {
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
  drawGrantPager();
};

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
  text.replaceChildren(...me.roles.flatMap((held, i) => [i ? ", " : "You are ", h("b", {}, held.role), ` on ${places.get(held.scope)?.name ?? placeName(held.scope)}`,
    held.through.startsWith("team:") ? ` through the team ${held.through.slice(5)}` : ""]), ".");
}

const teams = new LocalPager(20);
const drawTeamPager = bindPager(one("[data-team-pager]"), teams);

teams.onChange = () => {
  one("[data-teams]").replaceChildren(...teams.items.map((team) => h("li", { class: "team" }, h("b", {}, team.name), " ",
    h("span", { class: "text-2" }, [membersOf(team), team.group ? `group ${team.group}` : ""].filter(Boolean).join("; ")))),
  ...(teams.total ? [] : [h("li", { class: "text-2" }, "No teams yet.")]));
  drawTeamPager();
};

function membersOf({ members }) {
  if (!members.length) return "no listed members";
  return members.slice(0, 20).join(", ") + (members.length > 20 ? ` and ${count(members.length - 20)} more` : "");
}

/** @param {string} selector @param {(elements: any) => Promise<any>} run */
function refreshAfter(selector, run) {
  const form = /** @type {HTMLFormElement} */ (one(selector));
  onSubmit(form, one("[data-error]", form), async (elements) => {
    await run(elements);
    form.reset();
    await refresh();
  });
}

refreshAfter("[data-grant]", async ({ kind, name, role }) => {
  await post("/api/grants", { principal: `${kind.value}:${name.value.trim()}`, role: role.value, scope: current });
  announce(`${role.value} granted`);
});
refreshAfter("[data-vineyard]", ({ name }) => post("/api/vineyards", { name: name.value.trim() }));

async function refresh() {
  me = await get("/api/me");
  if (me.rights.includes("vines:read")) {
    await loadPlaces();
    await vines.load();
    const [, { items }] = await Promise.all([drawGrants(), get("/api/teams")]);
    teams.set(items);
  }
  one("[data-vineyard-panel]").hidden = !isAdmin();
  drawMe();
}

one("[data-roles]").replaceChildren(...Object.entries(ROLES).map(([role, { summary }]) => h("tr", {},
  h("td", {}, h("code", {}, role)), h("td", { class: "c-summary" }, summary), ...ticks(role))));
refresh().catch(showError);
