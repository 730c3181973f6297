// People and service accounts: the list with roles and teams, invitations, and the identity providers.

import "../account.js";
import { get, post, remove } from "../lib/api.js";
import { confirmFirst } from "../lib/confirm.js";
import { copyFrom } from "../lib/copy.js";
import { h, icon, one, setText } from "../lib/dom.js";
import { agoTime, counted, exact, startTimes } from "../lib/format.js";
import { names, onSubmit, openedBy } from "../lib/forms.js";
import { drawNothing, drawRows, setFilters } from "../lib/list.js";
import { sharedMenu } from "../lib/menu.js";
import { bindPager, Pager } from "../lib/pager.js";
import { placeNames } from "../lib/roles.js";
import { announce, showError } from "../lib/toast.js";
import { drawTeams } from "./teams.js";

// How many roles and teams a row names.
const SHOWN = 3;

const search = /** @type {HTMLFormElement} */ (one("[data-filters]"));
const address = new URLSearchParams(location.search);
const filters = () => ({ q: search.elements.q.value.trim(), kind: search.elements.kind.value });
search.elements.q.value = address.get("q") ?? "";
search.elements.kind.value = address.get("kind") ?? "";
const list = new Pager("/api/users", { every: 15_000, filter: filters });
const drawPager = bindPager(one("[data-people-pager]"), list);
const openMenu = sharedMenu(one("#user-menu"));
let placeName = placeNames([]);

// ---- the list

function wayIn(user) {
  if (user.disabled_at) return h("span", { class: "warned" }, icon("lock", "s"), "disabled");
  if (user.kind === "service") return user.tokens ? counted(user.tokens, "token") : h("span", { class: "dim" }, "no token yet");
  if (user.provider) return user.provider;
  if (user.invited_until) return h("span", { title: `The link works until ${exact(Date.parse(user.invited_until))}` }, "invited");
  return user.has_password ? "Local account" : "One-time link";
}

function roles(user) {
  if (!user.roles.length) return [user.is_break_glass ? "admin" : h("span", { class: "warned" }, icon("warn", "s"), "no role")];
  const all = user.roles.map(({ role, scope, through }) => ({
    text: scope === "installation" ? role : `${role} in ${placeName(scope)}`,
    title: through.startsWith("team:") ? `through the team ${through.slice(5)}` : "",
  }));
  return [...all.slice(0, SHOWN).flatMap(({ text, title }, i) => [i ? ", " : "", h("span", { title: title || null }, text)]),
    all.length > SHOWN ? h("span", { class: "dim", title: all.map(({ text }) => text).join("\n") }, ` and ${all.length - SHOWN} more`) : ""];
}

function teams(user) {
  if (!user.teams.length) return [h("span", { class: "dim" }, "–")];
  return [...user.teams.slice(0, SHOWN).flatMap((name, i) => [i ? " " : "", h("span", { class: "name-tag" }, name)]),
    user.teams.length > SHOWN ? h("span", { class: "dim", title: user.teams.join("\n") }, ` and ${user.teams.length - SHOWN} more`) : ""];
}

function makeRow(user) {
  return h("tr", { "data-user": user.name },
    h("td", { class: "c-name" }, h("span", { class: "source", title: user.groups.length ? `Groups: ${user.groups.slice(0, 50).join(", ")}` : null }, icon(user.kind === "service" ? "tendril" : "user", "s"), h("b", {}, user.name)),
      user.is_break_glass ? h("span", { class: "dim", title: "Works when single sign-on does not." }, " break-glass") : null),
    h("td", { class: "c-roles", "data-label": "Role" }, ...roles(user)),
    h("td", { class: "c-teams", "data-label": "Teams" }, ...teams(user)),
    h("td", { "data-label": "Signs in with" }, wayIn(user)),
    h("td", { "data-label": "Last seen" }, user.last_seen_at ? agoTime(user.last_seen_at) : h("span", { class: "dim" }, "never")),
    h("td", { class: "c-actions" }, h("button", {
      class: "icon-btn", type: "button", "aria-label": `Actions for ${user.name}`, "aria-haspopup": "menu", "aria-expanded": "false", on: { click: (event) => openMenu(event.currentTarget, actions(user)) },
    }, icon("dots"))));
}

function actions(user) {
  const run = (deed) => async () => {
    try { await deed(); } catch (error) { showError(error); }
    await list.load();
  };
  const items = [];
  if (user.kind === "user" && !user.provider && !user.disabled_at) {
    items.push({ text: user.has_password ? "New password link" : "New invitation", icon: "link", run: run(async () => showLink(await post(`/api/users/${user.id}/invitation`))) });
  }
  if (user.kind === "service" && !user.disabled_at) items.push({ text: "Create token", icon: "plus", run: run(() => createToken(user)) });
  if (user.kind === "user") {
    items.push({ text: "Sign out everywhere", icon: "exit", run: run(async () => {
      const { ended_sessions: count } = await post(`/api/users/${user.id}/sign-out`);
      announce(`Ended ${counted(count, "session")}`, { urgent: true });
    }) });
  }
  if (user.is_break_glass) return items;
  items.push(user.disabled_at
    ? { text: "Enable", icon: "unlock", run: run(() => post(`/api/users/${user.id}/enable`)) }
    : { text: "Disable", icon: "lock", run: run(() => post(`/api/users/${user.id}/disable`)) });
  items.push({ text: "Remove", icon: "DESTROY", isDanger: true, run: () => confirmFirst({
    title: `Remove ${user.name}`, text: "Ends all sessions and revokes all tokens of this account. The name stays taken.",
    action: "Remove", isDanger: true,
    run: async () => {
      await remove(`/api/users/${user.id}`);
      await list.load();
      announce("Removed", { urgent: true });
    },
  }) });
  return items;
}

list.onChange = () => {
  drawRows(one("[data-rows]"), list.items, (user) => JSON.stringify(user), makeRow);
  drawPager();
  const { q, kind } = filters();
  drawNothing(list.isEmpty, q || kind
    ? [icon("search"), h("p", {}, "Nobody matches.")]
    : [icon("user"), h("p", {}, "Nobody has signed in yet."), h("p", { class: "dim" }, "Invite someone with a one-time link, or connect your identity provider.")]);
};
search.addEventListener("input", () => {
  setFilters(filters());
  list.filterSoon("account");
});
search.addEventListener("submit", (event) => event.preventDefault());

// ---- somebody new

const form = /** @type {HTMLFormElement} */ (one("[data-new]"));
const toggle = openedBy(one("[data-invite]"), one("#invite-form"), form, one("[data-new-close]"));

function note() {
  const isPerson = form.elements.kind.value === "user";
  setText(one("[data-kind-note]"), isPerson ? "They open a link once, and choose a password." : "For pipelines and scripts. It signs in with tokens only.");
  one("[data-teams-field]").hidden = !isPerson;
  one("[data-scope-field]").hidden = !form.elements.role.value;
}
form.addEventListener("input", note);
onSubmit(form, one("[data-new-error]"), async ({ name, kind, role, scope, teams: field }) => {
  const body = { name: name.value.trim(), kind: kind.value };
  if (role.value) Object.assign(body, { role: role.value, scope: scope.value });
  if (kind.value === "user" && names(field.value).length) body.teams = names(field.value);
  const made = await post("/api/users", body);
  form.reset();
  note();
  toggle(false);
  if (made.url) showLink(made);
  else await createToken(made.user);
  list.load();
  drawTeams().catch(showError);
});

async function createToken(user) {
  const { token, name } = await post("/api/tokens", { name: `${user.name} ${new Date().toISOString().slice(0, 19)}`, user: user.name });
  showOnce(user, `has a new token, "${name}". Copy it now: it is not shown again.`, token);
}

function showLink({ user, url, expires_at: end }) {
  showOnce(user, `can open this link once, until ${exact(Date.parse(end))}. Send it over a channel you trust: it is not shown again.`, url);
}

function showOnce(user, text, secret) {
  const once = one("[data-once]");
  setText(one("[data-once-name]"), user.name);
  setText(one("[data-once-text]"), text);
  setText(one("[data-once-secret]"), secret);
  one("[data-once-role]").hidden = user.roles.length > 0;
  one("[data-copy]", once).onclick = (event) => copyFrom(event.currentTarget, secret);
  once.hidden = false;
  once.focus();
}

async function loadPlaces() {
  const { items } = await get("/api/vineyards");
  placeName = placeNames(items);
  form.elements.scope.replaceChildren(h("option", { value: "installation" }, "The installation"), ...items.map(({ id, name }) => h("option", { value: `vineyard:${id}` }, name)));
}

// ---- single sign-on

async function drawProviders() {
  const { items } = await get("/api/providers");
  one("[data-sso-note]").hidden = !items.length;
  one("[data-providers]").replaceChildren(...(items.length ? items.map((provider) => {
    const failed = provider.last_failure_at && (provider.last_failure_at > (provider.last_sign_in_at ?? ""));
    return h("li", {}, h("p", {}, h("span", { class: failed ? "warned" : "source" }, icon(failed ? "warn" : "check", "s"), h("b", {}, provider.name)), " ", h("code", {}, provider.issuer)),
      h("p", { class: "text-2" }, "Groups claim ", h("code", {}, provider.groups_claim), ". ",
        provider.last_sign_in_at ? h("span", {}, "Last sign-in ", agoTime(provider.last_sign_in_at), ". ") : null,
        failed ? h("span", {}, "Last failure ", agoTime(provider.last_failure_at), `: ${provider.last_failure}.`) : null));
  }) : [h("li", { class: "text-2" }, "Not connected. Start the server with --oidc-issuer and --oidc-client-id, so that people sign in with their company account.")]));
}

note();
startTimes();
loadPlaces().catch(showError).finally(() => list.load());
drawTeams().catch(showError);
drawProviders().catch(showError);
