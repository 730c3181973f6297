// For what may be asked for in bursts.

/**
 * Runs at once when it is asked to, then not before `gap` ms after that is done; however often it is asked in the
 * meantime, that makes one more run.
 * @param {number} gap
 * @param {() => Promise<any>} run must not throw
 * @returns {() => void}
 */
export function seldom(gap, run) {
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
