// `#L120` and `#L120-L131`: lines in the address.

/** @typedef {{from: number, to: number}} Range */

/** @param {string} hash @returns {Range|null} */
export function readHash(hash) {
  const found = /^#L(\d{1,12})(?:-L?(\d{1,12}))?$/.exec(hash);
  if (!found) return null;
  const a = Number(found[1]);
  const b = Number(found[2] ?? found[1]);
  const from = Math.min(a, b);
  return from > 0 ? { from, to: Math.max(a, b) } : null;
}

/** @param {Range} range */
export function hashOf({ from, to }) {
  return from === to ? `#L${from}` : `#L${from}-L${to}`;
}
