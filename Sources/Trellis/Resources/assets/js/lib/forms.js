// Forms on pages: how one is opened, and how it is sent.

import { one } from "./dom.js";
import { messageOf } from "./toast.js";

/**
 * Lets a button open a form, and another one close it. The first field gets the focus, and the button gets it back.
 * @param {HTMLElement} opener
 * @param {HTMLElement} panel what is hidden: the form, or what is around it
 * @param {HTMLFormElement} form with a field "name"
 * @param {HTMLElement} closer
 * @returns {(isOpen: boolean) => void}
 */
export function openedBy(opener, panel, form, closer) {
  const toggle = (isOpen) => {
    panel.hidden = !isOpen;
    opener.setAttribute("aria-expanded", String(isOpen));
    (isOpen ? form.elements.name : opener).focus();
  };
  opener.addEventListener("click", () => toggle(panel.hidden));
  closer.addEventListener("click", () => toggle(false));
  return toggle;
}

/**
 * Sends a form. Its button waits meanwhile; what went wrong stands in the form until something is changed.
 * @param {HTMLFormElement} form
 * @param {HTMLElement} problem
 * @param {(elements: any) => Promise<any>} run
 */
export function onSubmit(form, problem, run) {
  form.addEventListener("input", () => { problem.hidden = true; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = one("button[type=submit]", form);
    button.disabled = true;
    problem.hidden = true;
    try {
      await run(form.elements);
    } catch (error) {
      problem.hidden = false;
      problem.textContent = messageOf(error);
      (form.elements.password ?? form.elements.name)?.focus();
    } finally {
      button.disabled = false;
    }
  });
}

/** Names that a person typed with commas between them. @param {string} text */
export const names = (text) => text.split(",").map((name) => name.trim()).filter(Boolean);
