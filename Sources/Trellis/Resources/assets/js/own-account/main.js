// One's own account: tokens, sessions, password.

import "../account.js";
import { call, get, PASSWORD_TIME, post, remove } from "../lib/api.js";
import { copyFrom } from "../lib/copy.js";
import { h, icon, one, setText } from "../lib/dom.js";
import { agoTime, counted, exact, startTimes } from "../lib/format.js";
import { onSubmit, openedBy } from "../lib/forms.js";
import { drawRows } from "../lib/list.js";
import { now } from "../lib/timing.js";
import { announce, showError } from "../lib/toast.js";

const DAY = 86_400_000;
// Warned about when a token is about to expire.
const SOON = 7 * DAY;
// What tokens may be limited to, by subject.
const SCOPES = ["vines:read", "vines:write", "variables:write", "jobs:read", "jobs:plan", "jobs:apply", "jobs:cancel", "jobs:force", "logs:read",
  "state:read", "state:write", "locks:break", "tendrils:read", "tendrils:manage", "grants:manage", "identities:manage", "users:manage", "audit:read", "metrics:read", "account:write"];

/** @param {Element} button @param {() => Promise<any>} deed */
async function press(button, deed) {
  button.setAttribute("aria-busy", "true");
  try { await deed(); } catch (error) { showError(error); } finally { button.removeAttribute("aria-busy"); }
}

// ---- tokens

function expiry(token) {
  if (!token.expires_at) return h("span", { class: "dim" }, "never");
  const left = Date.parse(token.expires_at) - now();
  if (left <= 0) return h("span", { class: "warned" }, icon("x", "s"), "expired");
  const text = `in ${counted(Math.max(1, Math.round(left / DAY)), "day")}`;
  return h("span", { class: left < SOON ? "warned" : "", title: exact(Date.parse(token.expires_at)) }, left < SOON ? icon("warn", "s") : null, text);
}

function tokenRow(token) {
  return h("tr", { "data-token": token.name },
    h("td", { class: "c-name" }, h("b", {}, token.name)),
    h("td", { "data-label": "Scopes" }, ...(token.scopes ? token.scopes.flatMap((scope) => [h("code", {}, scope), " "]) : ["everything"])),
    h("td", { "data-label": "Expires" }, expiry(token)),
    h("td", { "data-label": "Last used" }, token.last_used_at ? agoTime(token.last_used_at) : h("span", { class: "dim" }, "never")),
    h("td", { class: "c-actions" }, token.name === "admin" && token.user === "admin" ? h("span", { class: "dim" }, "of the server") : h("button", {
      class: "btn small", type: "button", "aria-label": `Revoke ${token.name}`, on: { click: (event) => press(event.currentTarget, async () => {
        await remove(`/api/tokens/${token.id}`);
        announce("Revoked", { urgent: true });
        await drawTokens();
      }) },
    }, "Revoke")));
}

async function drawTokens() {
  const { items } = await get("/api/tokens?mine=1");
  drawRows(one("[data-tokens]"), items, (token) => JSON.stringify(token), tokenRow);
}

const form = /** @type {HTMLFormElement} */ (one("[data-token-form]"));
const scopes = one("[data-scopes]");
scopes.replaceChildren(...SCOPES.map((scope) => h("label", { class: "any" }, h("input", { type: "checkbox", name: "scope", value: scope }), h("code", {}, scope))));
const toggle = openedBy(one("[data-new-token]"), form, form, one("[data-token-cancel]"));
form.addEventListener("input", () => { scopes.hidden = form.elements.all.checked; });
onSubmit(form, one("[data-token-error]"), async () => {
  const data = new FormData(form);
  const days = Number(data.get("expires"));
  const body = { name: String(data.get("name")).trim() };
  if (days) body.expires_at = new Date(now() + days * DAY).toISOString();
  if (!form.elements.all.checked) body.scopes = data.getAll("scope");
  const made = await post("/api/tokens", body);
  form.reset();
  scopes.hidden = true;
  toggle(false);
  setText(one("[data-once-name]"), made.name);
  setText(one("[data-once-secret]"), made.token);
  setText(one("[data-once-command]"), `vintner login ${location.origin} --token-stdin`);
  one("[data-copy]").onclick = (click) => copyFrom(click.currentTarget, made.token);
  one("[data-once]").hidden = false;
  one("[data-once]").focus();
  await drawTokens();
});

// ---- sessions

const METHODS = { link: "One-time link", token: "API token", password: "Password", provider: "Single sign-on" };

/** "Firefox on Linux" @param {string} agent */
function browser(agent) {
  const name = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]].find(([mark]) => agent.includes(mark));
  const system = [["Windows", "Windows"], ["iPhone", "iOS"], ["iPad", "iPadOS"], ["Mac OS X", "macOS"], ["Android", "Android"], ["Linux", "Linux"]].find(([mark]) => agent.includes(mark));
  if (!name && !system) return agent ? agent.slice(0, 40) : "Unknown browser";
  return [name?.[1] ?? "Browser", system ? `on ${system[1]}` : ""].filter(Boolean).join(" ");
}

function sessionRow(session) {
  return h("tr", { "data-session": session.id },
    h("td", { class: "c-name" }, h("b", { title: session.agent ?? "" }, browser(session.agent ?? "")), " ", h("span", { class: "dim" }, session.is_current ? "this session" : METHODS[session.method] ?? "")),
    h("td", { "data-label": "Address" }, session.address || h("span", { class: "dim" }, "unknown")),
    h("td", { "data-label": "Since" }, session.created_at ? agoTime(session.created_at) : h("span", { class: "dim" }, "–")),
    h("td", { "data-label": "Last used" }, session.is_current ? "now" : session.last_used_at ? agoTime(session.last_used_at) : h("span", { class: "dim" }, "–")),
    h("td", { class: "c-actions" }, session.is_current ? null : h("button", {
      class: "btn small", type: "button", "aria-label": `Sign out ${browser(session.agent ?? "")}`, on: { click: (event) => press(event.currentTarget, async () => {
        await remove(`/api/sessions/${session.id}`);
        announce("Signed out", { urgent: true });
        await drawSessions();
      }) },
    }, "Sign out")));
}

async function drawSessions() {
  const { items } = await get("/api/sessions?mine=1");
  const sessions = items.filter((item) => item.kind === "session").reverse();
  drawRows(one("[data-sessions]"), sessions, (session) => JSON.stringify(session), sessionRow);
  one("[data-end-others]").hidden = sessions.length < 2;
}

one("[data-end-others]").addEventListener("click", (event) => press(event.currentTarget, async () => {
  const { ended_sessions: count } = await post("/api/account/sign-out-others");
  announce(`Ended ${counted(count, "session")}`, { urgent: true });
  await drawSessions();
}));

// ---- the account and its password

const password = /** @type {HTMLFormElement} */ (one("[data-password]"));

async function drawAccount() {
  const account = await get("/api/account");
  const facts = [
    ["Signs in with", account.provider ?? (account.has_password ? "Local account" : "One-time link")],
    ["Groups", account.groups.length ? h("span", {}, ...account.groups.flatMap((name) => [h("code", {}, name), " "])) : "none"],
  ];
  one("[data-facts]").replaceChildren(...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  one("[data-current]").hidden = !account.has_password;
  setText(one("[data-password-note]"), account.has_password
    ? "A new password signs out all other browsers."
    : account.provider ? "You sign in through your identity provider. A password is a second way in." : "With a password you can sign in without a link.");
}

onSubmit(password, one("[data-password-error]"), async ({ current, password: fresh }) => {
  await call("PUT", "/api/account/password", { password: fresh.value, ...(current.value ? { current: current.value } : {}) }, { timeout: PASSWORD_TIME });
  password.reset();
  announce("Password set", { urgent: true });
  setText(one("[data-password-note]"), "The password is set. All other browsers are signed out.");
  await Promise.all([drawSessions(), drawAccount()]);
});

startTimes();
Promise.all([drawTokens(), drawSessions(), drawAccount()]).catch(showError);
