// Copies to the clipboard and confirms with a check mark.

import { icon } from "./dom.js";
import { announce, toast } from "./toast.js";

/** @param {string} text @returns {Promise<boolean>} */
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyWithExecCommand(text);
  }
}

// Pages over plain HTTP have no clipboard API, except on localhost.
function copyWithExecCommand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  const had = document.activeElement;
  document.body.append(area);
  area.select();
  let done = false;
  try { done = document.execCommand("copy"); } catch { /* then it is not done */ }
  area.remove();
  if (had instanceof HTMLElement) had.focus({ preventScroll: true });
  return done;
}

/**
 * Copies, and turns the button's icon into a check mark for 1.5 s.
 * @param {Element|null} button
 * @param {string} text
 * @param {string} [what] "Copied" or a longer sentence, for people who listen
 */
export async function copyFrom(button, text, what = "Copied") {
  if (!(await toClipboard(text))) {
    toast("Couldn't copy: the browser denied access to the clipboard.");
    return;
  }
  announce(what, { urgent: true });
  const old = button?.querySelector("svg:not([data-done])");
  if (!old || button.querySelector("[data-done]")) return;
  const done = icon("check", old.classList.contains("s") ? "s" : "");
  done.setAttribute("data-done", "");
  old.replaceWith(done);
  setTimeout(() => done.replaceWith(old), 1500);
}
