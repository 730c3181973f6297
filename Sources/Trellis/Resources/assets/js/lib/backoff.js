// How long to wait before the next try: longer each time, and half of it chance, so that a thousand pages do not
// come back at once.

const FIRST = 500;
const MAX = 15_000;

export class Backoff {
  #tries = 0;

  /** What was tried has worked. */
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
