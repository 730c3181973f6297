// Gives out the code with which a `vintner login` gets its token: to the command itself where it listens on this
// machine, else for pasting.

import "../account.js";
import { post } from "../lib/api.js";
import { copyFrom } from "../lib/copy.js";
import { one, setText } from "../lib/dom.js";
import { messageOf } from "../lib/toast.js";

const address = new URLSearchParams(location.search);
const challenge = address.get("challenge") ?? "";
const name = (address.get("name") || "vintner login").slice(0, 64);
// Where the command listens. Nothing but a port of this machine is ever gone to.
const port = /^[1-9]\d{3,4}$/.test(address.get("port") ?? "") && Number(address.get("port")) < 65536 ? Number(address.get("port")) : 0;
const state = address.get("state") ?? "";
const problem = one("[data-error]");
const allow = one("[data-allow]");

setText(one("[data-question]"), `A command line asks for a token called "${name}".`);

allow.addEventListener("click", async () => {
  allow.disabled = true;
  problem.hidden = true;
  try {
    const { code } = await post("/api/account/login-codes", { challenge, name });
    setText(one("[data-code]"), code);
    one("[data-copy]").onclick = (event) => copyFrom(event.currentTarget, code);
    one("[data-buttons]").hidden = true;
    one("[data-done]").hidden = false;
    one("[data-done]").focus();
    if (port) location.assign(`http://127.0.0.1:${port}/?${new URLSearchParams({ code, state })}`);
  } catch (error) {
    problem.hidden = false;
    problem.textContent = messageOf(error);
    allow.disabled = false;
  }
});
