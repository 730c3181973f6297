// Notices over the page's corner: they cover, they never push, and stay until they are closed.

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
