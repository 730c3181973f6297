// The server's clock, as far as this page knows it: durations tick on it, not on the viewer's own.

let offset = 0;

/** Takes a `server_now` that has just arrived, and no other: an older one would turn the clock back. @param {string|null|undefined} serverNow RFC 3339 */
export function sync(serverNow) {
  const at = Date.parse(serverNow ?? "");
  if (!Number.isNaN(at)) offset = at - Date.now();
}

/** Now, for the server, in milliseconds since 1970. */
export const now = () => Date.now() + offset;
