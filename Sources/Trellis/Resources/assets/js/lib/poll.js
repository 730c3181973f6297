// Asking again and again: every so often while the page is seen, at once when it is seen again.

/**
 * @param {number} interval milliseconds between the end of one run and the next
 * @param {() => Promise<any>} run must not throw
 * @returns {{now: () => Promise<void>, pace: (interval: number) => void, stop: () => void}}
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
    /** Another interval, from now on. */
    pace(other) {
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
