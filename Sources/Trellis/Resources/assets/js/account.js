// The menu of whoever is signed in, on every page.

import { ApiError, post } from "./lib/api.js";
import { one } from "./lib/dom.js";
import { bindMenus } from "./lib/menu.js";
import { showProblem } from "./lib/toast.js";

bindMenus(one(".bar"));
one("[data-sign-out]").addEventListener("click", async () => {
  try {
    await post("/sign-out");
  } catch (error) {
    // Signed out already, as in another tab: what was wanted.
    if (!(error instanceof ApiError) || error.status !== 401) return showProblem(error);
  }
  location.assign("/sign-in");
});
