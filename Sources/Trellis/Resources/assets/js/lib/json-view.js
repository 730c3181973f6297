// JSON for people: indented, colored, secrets as a chip. Text nodes only.

import { h, icon } from "./dom.js";
import { Digits, writeExact } from "./exact-json.js";
import { marked } from "./invisible.js";

const SECRET = new Set(["(sensitive)", "(sensitive value)"]);

/** True for the placeholder of a sensitive value. @param {any} value */
export const isSecret = (value) => SECRET.has(value);

/** The chip that replaces a sensitive value. */
export const mask = () => h("span", { class: "mask" }, icon("lock"), "sensitive");

/** @param {any} value @returns {HTMLElement} */
export function jsonView(value) {
  const pre = h("pre", { class: "json" });
  write(pre, value, 0);
  return pre;
}

/** The same as text: what a copy button gives. @param {any} value */
export const jsonText = (value) => writeExact(value, "  ");

const part = (kind, text) => marked(h("span", { class: kind }), text);

function write(host, value, depth) {
  if (Array.isArray(value)) {
    list(host, value.map((item) => [null, item]), "[", "]", depth);
  } else if (value instanceof Digits) {
    host.append(part("n", value.text));
  } else if (value !== null && typeof value === "object") {
    list(host, Object.entries(value), "{", "}", depth);
  } else if (typeof value === "string") {
    if (isSecret(value)) host.append(mask());
    else host.append(string(value, depth));
  } else {
    host.append(part(typeof value === "number" ? "n" : "l", JSON.stringify(value)));
  }
}

// Breaks text with several lines at its line ends, for display only: it stays one JSON string.
function string(value, depth) {
  const lines = JSON.stringify(value).split(/(?<=(?<!\\)(?:\\\\)*\\n)(?!"$)/);
  if (lines.length === 1) return part("s", lines[0]);
  const node = h("span", { class: "s lines" }, ...lines.map((line) => marked(h("span"), line)));
  node.style.setProperty("--depth", String(depth + 1));
  return node;
}

function list(host, entries, open, close, depth) {
  if (!entries.length) {
    host.append(part("p", open + close));
    return;
  }
  host.append(part("p", open));
  entries.forEach(([key, item], i) => {
    host.append(`\n${"  ".repeat(depth + 1)}`);
    if (key !== null) host.append(part("k", JSON.stringify(key)), part("p", ":"), " ");
    write(host, item, depth + 1);
    if (i < entries.length - 1) host.append(part("p", ","));
  });
  host.append(`\n${"  ".repeat(depth)}`, part("p", close));
}
