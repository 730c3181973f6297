// An invitation: a link that leads once to "choose a password".

import { PASSWORD_TIME, post } from "../lib/api.js";
import { one, setText } from "../lib/dom.js";
import { exact } from "../lib/format.js";
import { messageOf } from "../lib/toast.js";

export class Invitation {
  #form = /** @type {HTMLFormElement} */ (one("[data-invitation]"));
  #problem = one("[data-invitation-error]");
  #secret = "";

  /** @param {() => void} onDone the account is ready, and signed in */
  constructor(onDone) {
    this.#form.addEventListener("input", () => this.#fail(""));
    this.#form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const { password } = this.#form.elements;
      const button = one("button[type=submit]", this.#form);
      button.disabled = true;
      try {
        await post("/sign-in", { invitation: this.#secret, password: password.value }, { timeout: PASSWORD_TIME });
        onDone();
      } catch (error) {
        this.#fail(messageOf(error));
        button.disabled = false;
        password.focus();
      }
    });
  }

  /** Shows whom an invitation is for, and asks for the password. @param {string} secret */
  async open(secret) {
    this.#secret = secret;
    one("[data-ways]").hidden = true;
    const signedIn = /** @type {HTMLElement|null} */ (document.querySelector("[data-signed-in]"));
    if (signedIn) signedIn.hidden = true;
    const heading = one("[data-heading]");
    try {
      const found = await post("/sign-in/invitation", { invitation: secret });
      setText(heading, `Welcome, ${found.user}`);
      setText(one("[data-invited]"), `${found.invited_by ? `${found.invited_by} invited you. ` : ""}Choose a password. This link works once, until ${exact(Date.parse(found.expires_at))}.`);
      this.#form.elements.username.value = found.user;
      this.#form.hidden = false;
      this.#form.elements.password.focus();
    } catch (error) {
      setText(heading, "This invitation doesn't work");
      one("[data-ways]").hidden = false;
      if (signedIn) signedIn.hidden = false;
      setText(one("[data-intro]"), messageOf(error));
    }
  }

  #fail(text) {
    this.#problem.hidden = !text;
    this.#problem.textContent = text;
  }
}
