// The viewer's preferences, stored in this browser. Without storage, only for this page.

const memory = new Map();

/** @param {string} name @param {string|null} [fallback] */
export function pref(name, fallback = null) {
  try { return localStorage.getItem(`vintner.${name}`) ?? memory.get(name) ?? fallback; } catch { return memory.get(name) ?? fallback; }
}

/** @param {string} name @param {string} value */
export function setPref(name, value) {
  memory.set(name, value);
  try { localStorage.setItem(`vintner.${name}`, value); } catch { /* kept in memory */ }
}
