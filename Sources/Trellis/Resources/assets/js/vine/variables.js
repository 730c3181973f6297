// The vine's variables and environment. Of sensitive ones, only the names are here.

import { h, one } from "../lib/dom.js";
import { marked } from "../lib/invisible.js";
import { jsonView, mask } from "../lib/json-view.js";
import { cardOf, say, setCount } from "./card.js";

/** @type {[string, string, boolean][]} field, kind, only names */
const KINDS = [
  ["variables", "Terraform", false], ["sensitive_variables", "Terraform", true], ["environment", "Environment", false], ["sensitive_environment", "Environment", true],
];

export function drawVariables(vine) {
  const card = cardOf("variables");
  const rows = KINDS.flatMap(([field, kind, isSensitive]) => (isSensitive ? [...vine[field]].sort().map((name) => row(name, mask(), kind))
    : Object.keys(vine[field]).sort().map((name) => row(name, jsonView(vine[field][name]), kind))));
  setCount(card, rows.length);
  one("[data-rows]", card).replaceChildren(...rows);
  say(card, rows.length ? "" : "This vine has no variables.");
}

function row(name, value, kind) {
  return h("tr", { "data-variable": name }, h("td", {}, marked(h("code"), name)), h("td", { class: "wrap" }, value), h("td", { class: "dim-2" }, kind));
}
