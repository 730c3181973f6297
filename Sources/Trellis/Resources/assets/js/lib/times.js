// `time` elements that say how long ago something was, and its exact moment on hover.

import { now } from "./clock.js";
import { h, setText } from "./dom.js";
import { ago, exact } from "./format.js";

/** Fills one element. @param {HTMLElement} node @param {string} at RFC 3339 */
export function setAgo(node, at) {
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) return;
  if (node.getAttribute("datetime") !== at || !node.title) {
    node.setAttribute("datetime", at);
    node.title = exact(ms);
  }
  node.dataset.ago = "";
  setText(node, ago(now() - ms));
}

/** @param {string} at RFC 3339 */
export function agoTime(at) {
  const node = h("time");
  setAgo(node, at);
  return node;
}

/** Keeps all of them true. */
export function startTimes() {
  setInterval(() => {
    if (document.hidden) return;
    for (const node of document.querySelectorAll("time[data-ago]")) setAgo(node, node.getAttribute("datetime"));
  }, 1000);
}
