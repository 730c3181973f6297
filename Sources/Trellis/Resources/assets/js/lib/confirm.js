// Confirms irreversible actions: shows the counts and the Tendril, or asks for the vine's name.

import { deltas } from "./changes.js";
import { h, one, setText } from "./dom.js";
import { TendrilPicker } from "./tendril-picker.js";
import { messageOf } from "./toast.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text
 * @property {string} action what the button says
 * @property {string} [cancel] what the button that does nothing says
 * @property {{value: string, text: string, why: string}[]} [choices] one of which is chosen; the first one at first
 * @property {string} [name] must be typed first
 * @property {string} [tendrils] where the Tendrils to choose from are listed
 * @property {import("./changes.js").Changes|null} [changes]
 * @property {boolean} [isDanger]
 * @property {(worker: string|null, choice: string|null) => Promise<any>} run
 */

const dialog = /** @type {HTMLDialogElement} */ (one("#confirm"));
const form = /** @type {HTMLFormElement} */ (one("[data-confirm-form]"));
const button = one("[data-confirm-do]");
const problem = one("[data-confirm-error]");
const box = one("[data-confirm-tendrils]");
const picker = new TendrilPicker(box);
/** @type {Question|null} */
let asked = null;

// Ignore spaces around the slash.
const plain = (text) => text.trim().replace(/\s*\/\s*/g, "/");
const isMet = () => !asked?.name || plain(form.elements.name.value) === plain(asked.name);

/** @param {Question} question */
export function confirmFirst(question) {
  asked = question;
  setText(one("[data-confirm-title]"), question.title);
  setText(one("[data-confirm-text]"), question.text);
  setText(one("[data-confirm-name]"), question.name ?? "");
  setText(button, question.action);
  setText(one("[data-confirm-cancel]"), question.cancel ?? "Cancel");
  drawChoices(question.choices ?? []);
  button.className = question.isDanger ? "btn danger" : "btn primary";
  one("[data-confirm-ask]").hidden = !question.name;
  one("[data-confirm-deltas]").replaceChildren(...deltas(question.changes ?? null));
  box.hidden = !question.tendrils;
  form.reset();
  picker.clear();
  button.disabled = !isMet();
  fail("");
  dialog.showModal();
  (question.name ? form.elements.name : button).focus();
  if (question.tendrils) picker.load(question.tendrils).catch((error) => { if (asked === question) fail(messageOf(error)); });
}

function drawChoices(choices) {
  const host = one("[data-confirm-choices]");
  host.hidden = !choices.length;
  host.replaceChildren(one("legend", host), ...choices.map(({ value, text, why }, i) => {
    const input = /** @type {HTMLInputElement} */ (h("input", { type: "radio", name: "choice", value }));
    input.defaultChecked = i === 0;
    return h("label", { class: "any" }, input, h("span", { class: "name" }, text), h("span", { class: "why" }, why));
  }));
}

function fail(text) {
  problem.hidden = !text;
  problem.textContent = text;
}

form.addEventListener("input", () => { button.disabled = !isMet(); });
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!asked || !isMet() || button.disabled) return;
  button.disabled = true;
  fail("");
  try {
    await asked.run(picker.value, form.elements.choice?.value || null);
    dialog.close();
  } catch (error) {
    fail(messageOf(error));
    button.disabled = false;
  }
});
for (const close of [one("[data-confirm-close]"), one("[data-confirm-cancel]")]) close.addEventListener("click", () => dialog.close());
