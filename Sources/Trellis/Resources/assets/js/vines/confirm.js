// Asks for a vine's name before something that can't be taken back.

import { one, setText } from "../lib/dom.js";
import { messageOf } from "../lib/problem.js";

const dialog = /** @type {HTMLDialogElement} */ (one("#confirm"));
const form = /** @type {HTMLFormElement} */ (one("[data-confirm-form]"));
const button = one("[data-confirm-do]");
const problem = one("[data-confirm-error]");
let wanted = "";
let run = async () => {};

// Spaces around the slash do not make it another name.
const plain = (text) => text.trim().replace(/\s*\/\s*/g, "/");
const matches = () => plain(form.elements.name.value) === plain(wanted);

/**
 * @param {{title: string, text: string, name: string, action: string, run: () => Promise<any>}} ask
 */
export function confirmByName(ask) {
  wanted = ask.name;
  run = ask.run;
  setText(one("[data-confirm-title]"), ask.title);
  setText(one("[data-confirm-text]"), ask.text);
  setText(one("[data-confirm-name]"), ask.name);
  setText(button, ask.action);
  form.reset();
  button.disabled = true;
  problem.hidden = true;
  dialog.showModal();
  form.elements.name.focus();
}

form.addEventListener("input", () => { button.disabled = !matches(); });
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!matches() || button.disabled) return;
  button.disabled = true;
  try {
    await run();
    dialog.close();
  } catch (error) {
    problem.hidden = false;
    problem.textContent = messageOf(error);
    button.disabled = false;
  }
});
for (const close of [one("[data-confirm-close]"), one("[data-confirm-cancel]")]) close.addEventListener("click", () => dialog.close());
