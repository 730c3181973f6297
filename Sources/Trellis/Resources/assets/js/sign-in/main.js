// Signing in: by the link's token, which is in the fragment so that it is not logged, by an API token, by a password, or
// through an identity provider.

import { PASSWORD_TIME, post } from "../lib/api.js";
import { all, one, setText } from "../lib/dom.js";
import { messageOf } from "../lib/toast.js";
import { Invitation } from "./invitation.js";

const form = /** @type {HTMLFormElement} */ (one("[data-sign-in]"));
const problem = one("[data-error]");
const intro = one("[data-intro]");
const said = intro.textContent;

/** Only a path of this site: `next` comes from the address. */
function next() {
  const path = new URLSearchParams(location.search).get("next");
  if (!path?.startsWith("/") || /^\/[/\\]/.test(path)) return "/dashboard/jobs";
  const url = new URL(path, location.origin);
  return url.origin === location.origin ? url.pathname + url.search + url.hash : "/dashboard/jobs";
}

async function signIn(body) {
  const button = one("button[type=submit]", form);
  problem.hidden = true;
  button.disabled = true;
  try {
    await post("/sign-in", body);
    location.replace(next());
  } catch (error) {
    setText(intro, said);
    form.hidden = false;
    problem.hidden = false;
    problem.textContent = messageOf(error);
    button.disabled = false;
    form.elements.token.focus();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const token = form.elements.token.value.trim();
  if (token) signIn({ token });
  else form.elements.token.focus();
});

form.addEventListener("input", () => { problem.hidden = true; });

// ---- a local account

const local = /** @type {HTMLFormElement} */ (one("[data-password]"));
const refusal = one("[data-password-error]");

local.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, password } = local.elements;
  const empty = [name, password].find((field) => !field.value);
  if (empty) return empty.focus();
  const button = one("button[type=submit]", local);
  button.disabled = true;
  refusal.hidden = true;
  try {
    await post("/sign-in", { name: name.value, password: password.value }, { timeout: PASSWORD_TIME });
    location.replace(next());
  } catch (error) {
    refusal.hidden = false;
    refusal.textContent = messageOf(error);
    password.setAttribute("aria-invalid", "true");
    button.disabled = false;
    password.select();
  }
});

local.addEventListener("input", () => {
  refusal.hidden = true;
  local.elements.password.removeAttribute("aria-invalid");
});

// ---- identity providers

for (const link of all("[data-provider]")) {
  link.href = `/sign-in/oidc/start?provider=${encodeURIComponent(link.dataset.provider)}&next=${encodeURIComponent(next())}`;
}

// ---- links

// Somebody is signed in: a link, which may be anybody's, changes that only when asked to.
const signedIn = document.querySelector("[data-signed-in]");
let link = "";
if (signedIn) {
  const go = one("[data-continue]");
  go.setAttribute("href", next());
  one("[data-switch]").addEventListener("click", () => {
    if (link) signIn({ link });
    else form.elements.token.focus();
  });
}

const invitation = new Invitation(() => location.replace(next()));

/** Takes a link's token out of the address, and signs in with it. False without a token. */
function useLink() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  link = fragment.get("token") ?? "";
  const invited = fragment.get("invitation");
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  if (invited) {
    invitation.open(invited);
    return true;
  }
  if (!link) return false;
  if (signedIn) {
    setText(intro, "The link you opened signs in once. Continue keeps it for later.");
    form.hidden = true;
    one("[data-continue]").focus();
  } else {
    setText(intro, "Signing in…");
    signIn({ link });
  }
  return true;
}

// Opening a link in a tab with this page changes only the fragment.
addEventListener("hashchange", useLink);
if (!useLink()) (document.querySelector("[data-continue]") ?? document.querySelector("[data-provider]") ?? form.elements.token).focus();
