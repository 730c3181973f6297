// Notices over the page's corner: an overlay that stays until closed.

import { ApiError, signInPath } from "./api.js";
import { h, icon, one } from "./dom.js";

/**
 * @param {string} text
 * @param {{tone?: "err"|"ok"|"warn", link?: {href: string, text: string}, key?: string}} options
 *   key: a later notice of the same key replaces this one
 */
export function toast(text, { tone = "err", link, key } = {}) {
  const host = one("[data-toasts]");
  if (key) for (const old of host.children) if (old.dataset.key === key) old.remove();
  const node = h("div", { class: "toast", "data-tone": tone, "data-key": key, role: tone === "err" ? "alert" : "status" },
    icon(tone === "ok" ? "SUCCESS" : "warn"), h("p", {}, text, link ? " " : null, link ? h("a", { href: link.href }, link.text) : null),
    h("button", { class: "icon-btn", type: "button", "aria-label": "Close", on: { click: () => node.remove() } }, icon("x")));
  host.append(node);
  return node;
}

// Shows a failed call as a notice, with a sign-in link if the user is signed out.

/** @param {unknown} error */
export function showError(error) {
  if (error instanceof ApiError && error.status === 401) {
    toast("You are signed out.", { key: "signed-out", link: { href: signInPath(), text: "Sign in again" } });
  } else {
    toast(messageOf(error));
  }
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

// A polite live region for screen readers: at most one sentence every two seconds, of several the last one.

const GAP = 2000;
let last = -GAP;
let timer = 0;
let waiting = "";

/**
 * @param {string} text
 * @param {{urgent?: boolean}} options urgent: at once, as at the end of a job; what waits comes after it
 */
export function announce(text, { urgent = false } = {}) {
  if (urgent) say(text);
  else waiting = text;
  clearTimeout(timer);
  if (waiting) timer = setTimeout(() => say(waiting), Math.max(0, last + GAP - performance.now()));
}

function say(text) {
  last = performance.now();
  if (text === waiting) waiting = "";
  const region = document.querySelector("[data-announce]");
  if (region) region.textContent = text;
}
