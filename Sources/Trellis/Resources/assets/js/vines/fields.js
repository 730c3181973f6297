// A sensitive value. It is shown as a line of dots; while it is edited, it can have several lines, such as a PEM key.

import { h } from "../lib/dom.js";

/** @param {string} placeholder */
export function secretField(placeholder) {
  const shared = { "aria-label": "Value", placeholder, autocomplete: "new-password", autocapitalize: "off", spellcheck: "false" };
  const line = /** @type {HTMLInputElement} */ (h("input", { ...shared, type: "password" }));
  const area = /** @type {HTMLTextAreaElement} */ (h("textarea", { ...shared, class: "value masked", rows: "1" }));
  const host = h("span", { class: "secret" }, line);
  const field = () => (line.isConnected ? line : area);
  const grow = () => { area.rows = Math.min(6, area.value.split("\n").length); };

  line.addEventListener("focus", () => {
    area.value = line.value;
    grow();
    if (line.getAttribute("aria-invalid")) area.setAttribute("aria-invalid", "true");
    line.replaceWith(area);
    area.focus({ preventScroll: true });
    area.select();
  });
  area.addEventListener("input", grow);
  area.addEventListener("blur", () => {
    // A single-line field would lose the line ends.
    if (area.value.includes("\n") || !area.isConnected) return;
    line.value = area.value;
    line.removeAttribute("aria-invalid");
    area.replaceWith(line);
  });
  return { node: host, field };
}

/** An invalid field, with the message for the user. */
export class FieldError extends Error {
  /**
   * @param {string} message
   * @param {Element|null} field
   */
  constructor(message, field) {
    super(message);
    this.field = field;
  }
}
