// The account menu, on every page.

import { ApiError, post } from "./lib/api.js";
import { one } from "./lib/dom.js";
import { bindMenus } from "./lib/menu.js";
import { showError } from "./lib/toast.js";

bindMenus(one(".bar"));
one("[data-sign-out]").addEventListener("click", async () => {
  try {
    await post("/sign-out");
  } catch (error) {
    // Already signed out, for example in another tab.
    if (!(error instanceof ApiError) || error.status !== 401) return showError(error);
  }
  location.assign("/sign-in");
});
