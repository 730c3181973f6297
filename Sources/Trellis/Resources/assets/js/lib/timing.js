// The server's clock: durations use it instead of the viewer's clock.

let offset = 0;

/** Takes a `server_now` that has just arrived, and no other: an older value would move the clock backward. @param {string|null|undefined} serverNow RFC 3339 */
export function sync(serverNow) {
  const at = Date.parse(serverNow ?? "");
  if (!Number.isNaN(at)) offset = at - Date.now();
}

/** Now, for the server, in milliseconds since 1970. */
export const now = () => Date.now() + offset;

// How long to wait before the next try: longer each time, and with jitter, so that many pages don't
// come back at once.

const FIRST = 500;
const MAX = 15_000;

export class Backoff {
  #tries = 0;

  /** Resets after a success. */
  reset() {
    this.#tries = 0;
  }

  /** The next wait, in milliseconds. */
  next() {
    const wait = Math.min(MAX, FIRST * 2 ** Math.min(this.#tries, 10));
    this.#tries += 1;
    return wait / 2 + Math.random() * wait / 2;
  }
}

// Throttles bursts of calls.

/**
 * Runs at once, then at the earliest `gap` ms after the run has ended; calls in the meantime cause one more run.
 * @param {number} gap
 * @param {() => Promise<any>} run must not throw
 * @returns {() => void}
 */
export function throttle(gap, run) {
  let isAsked = false;
  let isBusy = false;
  return async () => {
    isAsked = true;
    if (isBusy) return;
    isBusy = true;
    while (isAsked) {
      isAsked = false;
      await run();
      await new Promise((resolve) => { setTimeout(resolve, gap); });
    }
    isBusy = false;
  };
}

// Polls while the page is visible, and immediately when it becomes visible.

/**
 * @param {number} interval milliseconds between the end of one run and the next
 * @param {() => Promise<any>} run must not throw
 * @returns {{now: () => Promise<void>, setInterval: (interval: number) => void, stop: () => void}}
 */
export function pollWhileVisible(interval, run) {
  let timer = 0;
  let running = null;
  let stopped = false;

  const now = () => {
    clearTimeout(timer);
    running ??= run().finally(() => {
      running = null;
      if (!stopped && !document.hidden) timer = setTimeout(now, interval);
    });
    return running;
  };
  const onVisible = () => { if (!document.hidden && !stopped) now(); };
  document.addEventListener("visibilitychange", onVisible);
  timer = setTimeout(now, interval);
  return {
    now,
    /** Changes the interval. */
    setInterval(other) {
      if (interval === other || stopped) return;
      interval = other;
      if (running || document.hidden) return;
      clearTimeout(timer);
      timer = setTimeout(now, interval);
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    },
  };
}

/** Runs something once the page has painted what is in it now; at once if the page is hidden. @param {() => void} run */
export function afterPaint(run) {
  if (document.hidden) run();
  else requestAnimationFrame(() => setTimeout(run));
}
