// Cloud identities: what jobs are in a cloud, what to paste there, and whether it works.

import "../account.js";
import { get, patch, post, query, remove } from "../lib/api.js";
import { confirmFirst } from "../lib/confirm.js";
import { all, h, icon, one, setText } from "../lib/dom.js";
import { agoTime, counted, shortId } from "../lib/format.js";
import { announce, messageOf, showError } from "../lib/toast.js";
import { CLOUDS, SIDES } from "./clouds.js";
import { policies } from "./policies.js";

const FORM = /** @type {HTMLFormElement} */ (one("[data-identity-form]"));
const panel = one("#identity-form");
const adding = one("[data-add]");
const detail = one("[data-one]");

/** @type {any[]} */
let identities = [];
/** @type {Map<string, string>} */
const vineyards = new Map();
let issuer = null;
/** The identity that the form changes; null for a new one. @type {any} */
let edited = null;
let selected = new URLSearchParams(location.search).get("id");

// ---- the list

function drawList() {
  one("[data-rows]").replaceChildren(...identities.map((identity) => h("tr", { "data-identity": identity.id, "data-on": identity.id === selected },
    h("td", { class: "c-name" }, h("a", { href: `?id=${identity.id}`, "aria-current": identity.id === selected ? "true" : null, on: { click: (event) => follow(event, identity.id) } }, identity.name)),
    h("td", { "data-label": "Cloud" }, CLOUDS[identity.provider].title),
    h("td", { "data-label": "Vineyard" }, vineyards.get(identity.vineyard_id) ?? identity.vineyard_id),
    h("td", { "data-label": "Used by" }, usedBy(identity)))));
  const nothing = one("[data-nothing]");
  nothing.hidden = identities.length > 0;
  nothing.replaceChildren(h("p", {}, "No cloud identities yet."),
    h("p", { class: "text-2" }, "With one, the jobs of a vine get short-lived credentials of their own, and no key has to be stored."));
}

function usedBy({ used_by: users }) {
  if (!users.length) return h("span", { class: "dim" }, "no vine");
  const more = users.length - 1;
  return h("span", {}, users[0].title, more ? `, ${counted(more, "more", "more")}` : "");
}

function follow(event, id) {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.replaceState(null, "", `?id=${id}`);
  selected = id;
  drawList();
  showOne().then(() => detail.focus({ preventScroll: true })).catch(showError);
}

// ---- one identity

async function showOne() {
  const id = selected;
  if (!id || !identities.some((identity) => identity.id === id)) {
    detail.hidden = true;
    return;
  }
  const [identity, tests] = await Promise.all([get(`/api/identities/${id}`), lastTests(id)]);
  if (id !== selected) return;
  detail.hidden = false;
  const mayManage = identity.rights.includes("identities:manage");
  const place = vineyards.get(identity.vineyard_id) ?? "";
  detail.replaceChildren(
    h("div", { class: "panel-head ci-head" }, h("h2", { id: "identity-t" }, identity.name, h("span", {}, `${CLOUDS[identity.provider].title}, vineyard ${place}`)),
      mayManage ? h("button", { type: "button", class: "btn small", "data-edit": true, on: { click: () => openForm(identity) } }, icon("edit", "s"), "Edit") : null,
      mayManage ? h("button", { type: "button", class: "btn small danger", "data-delete": true, on: { click: () => askDelete(identity) } }, "Delete") : null),
    h("div", { class: "ci-sides" }, ...SIDES.map((side) => sideOf(identity, side, tests.get(side.name)))),
    policies(identity, issuer));
}

function sideOf(identity, side, test) {
  const values = identity[side.name];
  const right = side.name === "plan" ? "jobs:plan" : "jobs:apply";
  const rows = CLOUDS[identity.provider].fields.filter(({ name }) => values[name] !== undefined)
    .flatMap(({ name, label, show }) => [h("dt", {}, label), h("dd", {}, h("code", {}, show ? show(values[name]) : String(values[name])))]);
  const canTest = identity.used_by.length > 0 && issuer?.issuer;
  return h("div", { class: "ci-side", "data-side": side.name },
    h("h3", {}, icon(side.icon, "s"), side.title, h("small", {}, side.note)), h("dl", { class: "kv" }, ...rows),
    h("div", { class: "ci-test" }, testText(test, identity),
      identity.rights.includes(right) && canTest
        ? h("button", { type: "button", class: "btn small", "data-test": side.name, on: { click: (event) => startTest(identity, side.name, event.currentTarget) } }, test ? "Test again" : "Test connection")
        : null));
}

function testText(test, identity) {
  if (!test) return h("p", {}, identity.used_by.length ? "Not tested yet" : "Choose it in a vine, then it can be tested");
  const link = h("a", { class: "mono", href: `/dashboard/jobs/${test.id}` }, shortId(test.id));
  if (test.status === "SUCCESS") return h("p", { "data-tone": "ok" }, icon("SUCCESS", "s"), "Works, job ", link, ", ", agoTime(test.completed_at));
  if (test.status === "FAILED") return h("p", { "data-tone": "err" }, icon("FAILED", "s"), (test.error_message ?? "Failed").replace(/[^.]$/, "$&."), " Job ", link, ", ", agoTime(test.completed_at));
  return h("p", {}, `${test.status.charAt(0)}${test.status.slice(1).toLowerCase()}, job `, link);
}

/** The last test of each side, by the vine that tests use. */
async function lastTests(id) {
  const tests = new Map();
  const vine = identities.find((identity) => identity.id === id)?.used_by[0]?.vine_id;
  if (!vine) return tests;
  const { items } = await get(`/api/jobs${query({ type: "CONNECTION_TEST", vine_id: vine, limit: 20 })}`);
  for (const job of items) {
    const side = job.phase === "plan" ? "plan" : "apply";
    if (!tests.has(side)) tests.set(side, job);
  }
  return tests;
}

async function startTest(identity, side, button) {
  button.disabled = true;
  try {
    const job = await post("/api/jobs", { job_type: "CONNECTION_TEST", identity_id: identity.id, phase: side });
    location.assign(`/dashboard/jobs/${job.id}`);
  } catch (error) {
    button.disabled = false;
    showError(error);
  }
}

function askDelete(identity) {
  confirmFirst({
    title: `Delete ${identity.name}`, text: "Vines can't choose it anymore. The roles in the cloud stay; remove their trust policies yourself.", action: "Delete", isDanger: true,
    run: async () => {
      await remove(`/api/identities/${identity.id}`);
      announce("Identity deleted", { urgent: true });
      history.replaceState(null, "", location.pathname);
      selected = null;
      await refresh();
    },
  });
}

// ---- the form

function drawSides() {
  const cloud = CLOUDS[FORM.elements.provider.value];
  one("[data-sides]").replaceChildren(...SIDES.map((side) => h("fieldset", {}, h("legend", {}, side.title),
    ...cloud.fields.map(({ name, label, hint, isOptional }) => h("label", { class: "field" },
      h("span", {}, label, isOptional ? h("i", {}, " optional") : null),
      h("input", { name: `${side.name}.${name}`, value: edited?.[side.name]?.[name] ?? "", placeholder: side.name === "apply" ? hint.replace("-plan", "-apply") : hint, autocomplete: "off", spellcheck: "false", maxlength: 512 }))))));
}

function openForm(identity) {
  edited = identity;
  const { elements } = FORM;
  elements.name.value = identity?.name ?? "";
  elements.provider.value = identity?.provider ?? "aws";
  elements.provider.disabled = elements.vineyard_id.disabled = Boolean(identity);
  if (identity) elements.vineyard_id.value = identity.vineyard_id;
  setText(one("[data-form-title]"), identity ? `Edit ${identity.name}` : "New identity");
  setText(one("[data-form-save]"), identity ? "Save changes" : "Add identity");
  one("[data-error]", FORM).hidden = true;
  drawSides();
  panel.hidden = false;
  adding.setAttribute("aria-expanded", String(!identity));
  panel.scrollIntoView({ block: "nearest" });
  elements.name.focus({ preventScroll: true });
}

function closeForm() {
  panel.hidden = true;
  adding.setAttribute("aria-expanded", "false");
  adding.focus();
}

/** What the form says about one side: only fields with a value. */
function sideValues(side, cloud) {
  const values = {};
  for (const { name, isNumber } of cloud.fields) {
    const text = FORM.elements[`${side}.${name}`].value.trim();
    if (text) values[name] = isNumber ? Number(text) : text;
  }
  return values;
}

async function save() {
  const { elements } = FORM;
  const cloud = CLOUDS[elements.provider.value];
  const body = { name: elements.name.value.trim(), plan: sideValues("plan", cloud), apply: sideValues("apply", cloud) };
  const identity = edited ? await patch(`/api/identities/${edited.id}`, body)
    : await post("/api/identities", { ...body, provider: elements.provider.value, vineyard_id: elements.vineyard_id.value });
  announce(edited ? "Identity saved" : "Identity added");
  selected = identity.id;
  history.replaceState(null, "", `?id=${identity.id}`);
  closeForm();
  await refresh();
}

FORM.addEventListener("submit", async (event) => {
  event.preventDefault();
  const problem = one("[data-error]", FORM);
  const button = /** @type {HTMLButtonElement} */ (one("[data-form-save]"));
  problem.hidden = true;
  button.disabled = true;
  try {
    await save();
  } catch (error) {
    problem.textContent = messageOf(error);
    problem.hidden = false;
  } finally {
    button.disabled = false;
  }
});
FORM.elements.provider.addEventListener("change", drawSides);
adding.addEventListener("click", () => (panel.hidden ? openForm(null) : closeForm()));
for (const button of all("[data-form-close], [data-form-cancel]", FORM)) button.addEventListener("click", closeForm);

// ---- the issuer

function drawIssuer() {
  const box = one("[data-issuer]");
  if (!issuer.issuer) {
    box.replaceChildren(h("p", { class: "text-2" }, "This installation issues no tokens, so cloud identities can't be used. An administrator can start Trellis with ", h("code", {}, "--identity-issuer URL"), "."));
    return;
  }
  const minutes = issuer.token_lifetime >= 60 ? `${Math.round(issuer.token_lifetime / 60)} min` : `${issuer.token_lifetime} s`;
  const next = issuer.next_key_from ? `, the next one from ${new Date(issuer.next_key_from).toLocaleDateString()}` : "";
  box.replaceChildren(
    h("dl", { class: "kv" }, h("dt", {}, "Issuer"), h("dd", {}, h("code", {}, issuer.issuer)), h("dt", {}, "Signing key"), h("dd", {}, h("code", {}, issuer.key_id?.slice(0, 8) ?? ""), next),
      h("dt", {}, "Token life"), h("dd", {}, `${minutes}, renewed while a job runs`), h("dt", {}, "Subject"), h("dd", {}, h("code", {}, issuer.subject))),
    h("p", { class: "text-2" }, "Clouds must be able to read ", h("a", { href: "/.well-known/openid-configuration" }, "its two public documents"), ". If yours can't reach this server, ", h("code", {}, "vintner identities export"), " writes them for a bucket."));
}

async function refresh() {
  const [found, places, described, me] = await Promise.all([get("/api/identities"), get("/api/vineyards"), get("/api/identity-issuer"), get("/api/me")]);
  identities = found.items;
  issuer = described;
  vineyards.clear();
  for (const vineyard of places.items) vineyards.set(vineyard.id, vineyard.name);
  FORM.elements.vineyard_id.replaceChildren(...places.items.map((vineyard) => h("option", { value: vineyard.id }, vineyard.name)));
  adding.hidden = !me.rights.includes("identities:manage");
  drawIssuer();
  drawList();
  await showOne();
}

refresh().catch(showError);
