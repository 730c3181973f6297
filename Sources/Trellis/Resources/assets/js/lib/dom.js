// Builds and finds elements. Text always becomes a text node.

import { parseKeepingDigits } from "./exact-json.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. Properties that are null, undefined or false are left out; `true` is an empty attribute.
 * @param {string} tag
 * @param {Record<string, any>} [props] attributes; `class`, `text` and `on` (listeners) are special
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "on") for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) node.append(child);
  return node;
}

/**
 * An icon of the page's sprite.
 * @param {string} name
 * @param {string} [size] "s" for the small one
 */
export function icon(name, size = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", size ? `i ${size}` : "i");
  svg.setAttribute("aria-hidden", "true");
  // Rotate the whole icon: rotating a part would cause layout and paint in each frame.
  if (document.getElementById(`i-${name}`)?.hasAttribute("data-spins")) svg.classList.add("spin");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A Tendril's dot: full, half or struck. @param {string} status */
export function dot(status) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "dot");
  svg.setAttribute("data-w", status);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#dot-${status}`);
  svg.append(use);
  return svg;
}

/** A status badge. @param {string} status */
export function badge(status) {
  return h("span", { class: "badge", "data-status": status }, icon(status), status);
}

/**
 * The one element that matches, in `root`.
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {any}
 */
export function one(selector, root = document) {
  const node = root.querySelector(selector);
  if (!node) throw new Error(`nothing matches ${selector}`);
  return node;
}

/** @param {string} selector @param {ParentNode} [root] @returns {any[]} */
export function all(selector, root = document) {
  return [...root.querySelectorAll(selector)];
}

/** Sets an element's text only if it differs. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Data that the server wrote into the page; null where it wrote none. @param {string} id */
export function pageData(id) {
  const text = document.getElementById(id)?.textContent.trim();
  return text ? parseKeepingDigits(text) : null;
}

/** True where keys go into a field, so that they are no shortcuts. @param {EventTarget|null} target */
export function isField(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
