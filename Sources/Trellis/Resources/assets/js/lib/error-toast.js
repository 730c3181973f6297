// How a call that failed is shown: a notice, with the way to sign in where that is what is missing.

import { ApiError, signInPath } from "./api.js";
import { toast } from "./toast.js";

/** @param {unknown} error */
export function showProblem(error) {
  if (error instanceof ApiError && error.status === 401) {
    toast("You are signed out.", { key: "signed-out", link: { href: signInPath(), text: "Sign in again" } });
  } else {
    toast(messageOf(error));
  }
}

/** @param {unknown} error */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
