// People and service accounts: the list, invitations, and the identity providers.

import "../account.js";
import { get, post, remove } from "../lib/api.js";
import { confirmFirst } from "../lib/confirm.js";
import { copyFrom } from "../lib/copy.js";
import { h, icon, one, setText } from "../lib/dom.js";
import { agoTime, counted, exact, startTimes } from "../lib/format.js";
import { drawNothing, drawRows, filterSoon, keepPlace, LiveList } from "../lib/list.js";
import { sharedMenu } from "../lib/menu.js";
import { announce, messageOf, showError } from "../lib/toast.js";

const search = /** @type {HTMLFormElement} */ (one("[data-filters]"));
const address = new URLSearchParams(location.search);
const filters = () => ({ q: search.elements.q.value.trim(), kind: search.elements.kind.value });
search.elements.q.value = address.get("q") ?? "";
search.elements.kind.value = address.get("kind") ?? "";
const list = new LiveList("/api/users", { every: 15_000, filter: filters });
const openMenu = sharedMenu(one("#user-menu"));

// ---- the list

function wayIn(user) {
  if (user.disabled_at) return h("span", { class: "warned" }, icon("lock", "s"), "disabled");
  if (user.kind === "service") return user.tokens ? counted(user.tokens, "token") : h("span", { class: "dim" }, "no token yet");
  if (user.provider) return user.provider;
  if (user.invited_until) return h("span", { title: `The link works until ${exact(Date.parse(user.invited_until))}` }, "invited");
  return user.has_password ? "Local account" : "One-time link";
}

function makeRow(user) {
  const shown = user.groups.slice(0, 3);
  return h("tr", { "data-user": user.name },
    h("td", { class: "c-name" }, h("span", { class: "source" }, icon(user.kind === "service" ? "tendril" : "user", "s"), h("b", {}, user.name)),
      user.is_break_glass ? h("span", { class: "dim", title: "Works when single sign-on does not." }, " break-glass") : null),
    h("td", { "data-label": "Signs in with" }, wayIn(user)),
    h("td", { "data-label": "Groups" }, ...(shown.length ? shown.flatMap((name, i) => [i ? " " : "", h("code", {}, name)]) : [h("span", { class: "dim" }, "–")]),
      user.groups.length > 3 ? h("span", { class: "dim", title: user.groups.join("\n") }, ` and ${user.groups.length - 3} more`) : null),
    h("td", { "data-label": "Last seen" }, user.last_seen_at ? agoTime(user.last_seen_at) : h("span", { class: "dim" }, "never")),
    h("td", { class: "c-actions" }, h("button", {
      class: "icon-btn", type: "button", "aria-label": `Actions for ${user.name}`, "aria-haspopup": "menu", "aria-expanded": "false", on: { click: (event) => openMenu(event.currentTarget, actions(user)) },
    }, icon("dots"))));
}

function actions(user) {
  const run = (deed) => async () => {
    try { await deed(); } catch (error) { showError(error); }
    await list.refresh();
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
      await list.refresh();
      announce("Removed", { urgent: true });
    },
  }) });
  return items;
}

list.onChange = () => {
  drawRows(one("[data-rows]"), list.items, (user) => JSON.stringify(user), makeRow);
  one("[data-more]").hidden = !list.cursor;
  const { q, kind } = filters();
  drawNothing(list.isEmpty, q || kind
    ? [icon("search"), h("p", {}, "Nobody matches.")]
    : [icon("user"), h("p", {}, "Nobody has signed in yet."), h("p", { class: "dim" }, "Invite someone with a one-time link, or connect your identity provider.")]);
};
const filter = filterSoon(list, filters, "account");
search.addEventListener("input", filter);
search.addEventListener("submit", (event) => event.preventDefault());

// ---- somebody new

const panel = one("#invite-form");
const form = /** @type {HTMLFormElement} */ (one("[data-new]"));
const problem = one("[data-new-error]");
const invite = one("[data-invite]");

function toggle(isOpen) {
  panel.hidden = !isOpen;
  invite.setAttribute("aria-expanded", String(isOpen));
  (isOpen ? form.elements.name : invite).focus();
}
invite.addEventListener("click", () => toggle(panel.hidden));
one("[data-new-close]").addEventListener("click", () => toggle(false));

function note() {
  setText(one("[data-kind-note]"), form.elements.kind.value === "user"
    ? "They open a link once, and choose a password."
    : "For pipelines and scripts. It signs in with tokens only.");
}
form.addEventListener("input", () => {
  problem.hidden = true;
  note();
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = one("button[type=submit]", form);
  button.disabled = true;
  try {
    const made = await post("/api/users", { name: form.elements.name.value.trim(), kind: form.elements.kind.value });
    form.reset();
    note();
    toggle(false);
    if (made.url) showLink(made);
    else await createToken(made.user);
    list.refresh();
  } catch (error) {
    problem.hidden = false;
    problem.textContent = messageOf(error);
    form.elements.name.focus();
  } finally {
    button.disabled = false;
  }
});

async function createToken(user) {
  const { token, name } = await post("/api/tokens", { name: `${user.name} ${new Date().toISOString().slice(0, 19)}`, user: user.name });
  showOnce(user.name, `has a new token, "${name}". Copy it now: it is not shown again.`, token);
}

function showLink({ user, url, expires_at: end }) {
  showOnce(user.name, `can open this link once, until ${exact(Date.parse(end))}. Send it over a channel you trust: it is not shown again.`, url);
}

function showOnce(name, text, secret) {
  const once = one("[data-once]");
  setText(one("[data-once-name]"), name);
  setText(one("[data-once-text]"), text);
  setText(one("[data-once-secret]"), secret);
  one("[data-copy]", once).onclick = (event) => copyFrom(event.currentTarget, secret);
  once.hidden = false;
  once.focus();
}

// ---- single sign-on

async function drawProviders() {
  const { items } = await get("/api/providers");
  one("[data-providers]").replaceChildren(...(items.length ? items.map((provider) => {
    const failed = provider.last_failure_at && (provider.last_failure_at > (provider.last_sign_in_at ?? ""));
    return h("li", {}, h("p", {}, h("span", { class: failed ? "warned" : "source" }, icon(failed ? "warn" : "check", "s"), h("b", {}, provider.name)), " ", h("code", {}, provider.issuer)),
      h("p", { class: "text-2" }, "Groups claim ", h("code", {}, provider.groups_claim), ". ",
        provider.last_sign_in_at ? h("span", {}, "Last sign-in ", agoTime(provider.last_sign_in_at), ". ") : null,
        failed ? h("span", {}, "Last failure ", agoTime(provider.last_failure_at), `: ${provider.last_failure}.`) : null));
  }) : [h("li", { class: "text-2" }, "Not connected. Start the server with --oidc-issuer and --oidc-client-id, so that people sign in with their company account.")]));
}

note();
keepPlace(list);
startTimes();
drawProviders().catch(showError);
