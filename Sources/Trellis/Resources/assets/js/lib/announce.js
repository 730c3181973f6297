// One polite, hidden status for people who listen: at most one sentence every two seconds, of several the last one.

const GAP = 2000;
let last = -GAP;
let timer = 0;
let waiting = "";

/**
 * @param {string} text
 * @param {{urgent?: boolean}} options urgent: at once, as at the end of a job; what waits comes after it
 */
export function announce(text, { urgent = false } = {}) {
  if (urgent) say(text);
  else waiting = text;
  clearTimeout(timer);
  if (waiting) timer = setTimeout(() => say(waiting), Math.max(0, last + GAP - performance.now()));
}

function say(text) {
  last = performance.now();
  if (text === waiting) waiting = "";
  const region = document.querySelector("[data-announce]");
  if (region) region.textContent = text;
}
