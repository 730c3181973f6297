// Signing in: by the link's token, which is in the fragment so that it is not logged, or by an API token.

import { post } from "../lib/api.js";
import { one, setText } from "../lib/dom.js";
import { messageOf } from "../lib/toast.js";

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

/** Takes a link's token out of the address, and signs in with it. False without a token. */
function useLink() {
  link = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
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
if (!useLink()) (document.querySelector("[data-continue]") ?? form.elements.token).focus();
