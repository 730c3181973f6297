// Calls to the API. Every call that changes something sends the session's CSRF token.

import { connection } from "./connection.js";
import { parseExact, parseKeepingDigits, writeExact } from "./exact-json.js";
import { sync } from "./timing.js";

/** An error response, with the server's message. */
export class ApiError extends Error {
  /** @param {number} status 0 where no answer came @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** Whether a retry may help. */
  get isTransient() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** The message if there is no response. */
export const UNREACHED = "Can't reach the server. Check your connection and try again.";
// A proxy between this page and the server reports that it can't reach it.
const PROXY = new Set([502, 504]);

// Missing in the type checker's library.
const signals = /** @type {any} */ (AbortSignal);

const csrf = () => document.querySelector('meta[name="csrf-token"]')?.getAttribute("content") ?? "";

/** Milliseconds for a call that computes a password, which takes long on purpose, and longer on a busy server. */
export const PASSWORD_TIME = 180_000;

/**
 * @param {string} method
 * @param {string} path
 * @param {any} [body] sent as JSON
 * @param {{signal?: AbortSignal, timeout?: number, isExact?: boolean, revision?: number|string}} options revision: of
 *   what is changed, as the caller has seen it; isExact: objects are Maps and numbers
 *   are `Digits`, in the body and the response
 * @returns {Promise<any>} the decoded answer; null where it has no body
 */
export async function call(method, path, body, { signal, timeout = 20_000, isExact = false, revision } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (revision !== undefined) headers["If-Match"] = `"${revision}"`;
  const limit = signals.timeout(timeout);
  let response;
  let text;
  try {
    response = await fetch(path, {
      method, headers, body: body === undefined ? undefined : isExact ? writeExact(body) : JSON.stringify(body),
      signal: signal ? signals.any([signal, limit]) : limit, cache: "no-store", credentials: "same-origin",
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    connection.missed();
    throw new ApiError(0, UNREACHED);
  }
  if (!PROXY.has(response.status)) connection.heard();
  let data = null;
  try { data = text ? isExact && response.ok ? parseExact(text) : parseKeepingDigits(text) : null; } catch { /* a proxy's page, perhaps */ }
  if (!response.ok) throw new ApiError(response.status, data?.error ?? sentence(response.status));
  if (!isExact) sync(data?.server_now);
  return data;
}

/** The message for a status without one from the server. @param {number} status */
export function sentence(status) {
  if (status === 401) return "You're signed out. Sign in again to continue.";
  if (status === 403) return "You aren't allowed to do that.";
  if (status === 404) return "Not found. It may have been deleted.";
  if (status >= 500) return "The server couldn't do that. Try again.";
  return `The server refused the request (${status}).`;
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body, options) => call("POST", path, body, options);
export const patch = (path, body, options) => call("PATCH", path, body, options);
export const remove = (path, options) => call("DELETE", path, undefined, options);

/** A query string of what has a value. @param {Record<string, any>} values */
export function query(values) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== "") params.set(name, String(value));
  }
  // Encode a space as %20: a plus sign means a space only in forms.
  const text = params.toString().replaceAll("+", "%20");
  return text ? `?${text}` : "";
}

/** The sign-in page, which then returns to this page. */
export const signInPath = () => `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
