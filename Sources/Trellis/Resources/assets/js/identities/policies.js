// What to paste into a cloud: one text for planning and one for applying, for the whole vineyard or for its vines.

import { copyFrom } from "../lib/copy.js";
import { h, icon } from "../lib/dom.js";
import { CLOUDS } from "./clouds.js";

const COVERS = { vines: "The vines that use it", vineyard: "Every vine of the vineyard" };

/** @param {any} identity @param {any} issuer */
export function policies(identity, issuer) {
  const { policy: title } = CLOUDS[identity.provider];
  const found = identity.policies ?? [];
  if (!found.length) {
    const why = issuer?.issuer ? "Choose it in a vine first. Its subject names the vine." : "There is nothing to paste while the installation issues no tokens.";
    return h("div", { class: "ci-policy" }, h("h3", {}, title), h("p", { class: "text-2" }, why));
  }
  const box = h("div", { class: "ci-policy", "data-policies": true });
  const kinds = ["vines", "vineyard"].filter((covers) => found.some((policy) => policy.covers === covers));
  let phase = "plan";
  let covers = kinds[0];
  const draw = () => {
    const shown = found.find((policy) => policy.phase === phase && policy.covers === covers);
    body.replaceChildren(
      h("p", { class: "text-2" }, shown.instruction, covers === "vines" ? " It names the vines that use the identity now; a vine that is added later needs a new one." : " Vines that are added to the vineyard later are covered, too."),
      h("div", { class: "command" }, h("pre", { tabindex: "0", "data-policy": phase, "aria-label": `${title} for ${phase === "plan" ? "planning" : "applying"}` }, shown.text),
        h("button", { type: "button", class: "icon-btn", "aria-label": `Copy the ${title.toLowerCase()}`, title: "Copy", on: { click: (event) => copyFrom(event.currentTarget, shown.text) } }, icon("copy", "s"))));
  };
  const choice = (label, values, current, choose) => h("div", { class: "seg", role: "radiogroup", "aria-label": label }, ...values.map(([value, text]) => h("label", {},
    h("input", { type: "radio", name: `ci-${label.toLowerCase()}`, value, checked: value === current, on: { change: () => { choose(value); draw(); } } }), h("span", {}, text))));
  const body = h("div", { class: "ci-policy-body" });
  box.append(h("div", { class: "row" }, h("h3", {}, title),
    choice("Phase", [["plan", "Plan"], ["apply", "Apply"]], phase, (value) => { phase = value; }),
    choice("Scope", kinds.map((kind) => [kind, COVERS[kind]]), covers, (value) => { covers = value; })), body);
  draw();
  return box;
}
