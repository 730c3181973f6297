// JSON for people: pretty, coloured, secrets as a chip. Text nodes only.

import { h, icon } from "./dom.js";

const SECRET = new Set(["(sensitive)", "(sensitive value)"]);

/** @param {any} value @returns {HTMLElement} */
export function jsonView(value) {
  const pre = h("pre", { class: "json" });
  write(pre, value, 0);
  return pre;
}

/** The same as text: what a copy button gives. @param {any} value */
export const jsonText = (value) => JSON.stringify(value, null, 2);

const part = (kind, text) => h("span", { class: kind, text });

function write(host, value, depth) {
  if (Array.isArray(value)) {
    list(host, value.map((item) => [null, item]), "[", "]", depth);
  } else if (value !== null && typeof value === "object") {
    list(host, Object.entries(value), "{", "}", depth);
  } else if (typeof value === "string") {
    host.append(SECRET.has(value) ? h("span", { class: "mask" }, icon("lock"), "sensitive") : part("s", JSON.stringify(value)));
  } else {
    host.append(part(typeof value === "number" ? "n" : "l", JSON.stringify(value)));
  }
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
