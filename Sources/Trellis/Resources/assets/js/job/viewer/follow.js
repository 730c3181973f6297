// Follow mode. Any upward input unpins; returning to the end pins again; nothing else moves the log.

// Within this of the end is at the end: zoom makes scroll positions fractional.
const NEAR = 4;
// A scroll targets the end as painted; new lines may have moved it.
const PAINTED = 500;

export class Follow {
  #place;
  #top = 0;
  #touch = 0;
  #since = 0;
  /** Where the end was, and when. @type {{at: number, max: number}[]} */
  #ends = [];
  #listeners = new Set();
  pinned = true;

  /**
   * @param {HTMLElement} scroller
   * @param {{count: number}} store
   * @param {{y: number, maxY: number}} place where the view's top is in the log, and how far down it can be
   */
  constructor(scroller, store, place) {
    this.#place = place;
    this.store = store;
    scroller.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.shiftKey) return; // zoom; sideways
      if (event.deltaY < 0) this.unpin();
      else if (event.deltaY > 0 && this.isAtEnd) this.pin();
    }, { passive: true });
    scroller.addEventListener("touchstart", (event) => { this.#touch = event.touches[0].clientY; }, { passive: true });
    scroller.addEventListener("touchmove", (event) => {
      const y = event.touches[0].clientY;
      if (y > this.#touch + 1) this.unpin();
      this.#touch = y;
    }, { passive: true });
    scroller.addEventListener("keydown", (event) => {
      if (["ArrowUp", "PageUp", "Home"].includes(event.key) || event.key === " " && event.shiftKey) this.unpin();
    }, { capture: true });
    document.addEventListener("selectionchange", () => {
      const selection = getSelection();
      if (selection && !selection.isCollapsed && scroller.contains(selection.anchorNode)) this.unpin();
    });
  }

  get isAtEnd() {
    return this.#place.maxY - this.#place.y <= NEAR;
  }

  /** Before the log changes: remember the end that an ongoing scroll targets. */
  remember() {
    if (this.pinned) return;
    const now = performance.now();
    while (this.#ends.length && this.#ends[0].at < now - PAINTED) this.#ends.shift();
    this.#ends.push({ at: now, max: this.#place.maxY });
  }

  /** New lines since unpinning. */
  get newLines() {
    return this.pinned ? 0 : Math.max(0, this.store.count - this.#since);
  }

  /** @param {(pinned: boolean) => void} listener */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  /** A programmatic scroll; not user input. */
  moved() {
    this.#top = this.#place.y;
  }

  /** Marks all lines as seen. */
  markAllSeen() {
    this.#since = this.store.count;
  }

  pin() {
    this.#set(true);
  }

  unpin() {
    this.#set(false);
  }

  /** Handles a scroll event. */
  scrolled() {
    const top = this.#place.y;
    const before = this.#top;
    this.#top = top;
    if (top < before - 1 && !this.isAtEnd) this.unpin();
    else if (top > before && (this.isAtEnd || this.#wasEnd(top))) this.pin();
  }

  #wasEnd(top) {
    const since = performance.now() - PAINTED;
    return this.#ends.some(({ at, max }) => at >= since && max - top <= NEAR);
  }

  #set(pinned) {
    if (this.pinned === pinned) return;
    this.pinned = pinned;
    this.#since = this.store.count;
    this.#ends = [];
    for (const listener of this.#listeners) listener(pinned);
  }
}

// Whether the log is being scrolled by hand: a wheel, a finger or a key moves it pixel by pixel, while the thumb of
// the scroll bar, and the page, make it jump. The scroll event does not say which.

// Browsers may smooth scrolling by wheel or key over this many milliseconds.
const SMOOTH = 400;
const KEYS = new Set(["PageUp", "PageDown", "ArrowUp", "ArrowDown", " "]);

/** @param {HTMLElement} scroller @returns {() => boolean} */
export function isScrolledByUser(scroller) {
  let last = -SMOOTH;
  let isTouched = false;
  const note = () => { last = performance.now(); };
  scroller.addEventListener("wheel", note, { passive: true });
  scroller.addEventListener("keydown", (event) => { if (KEYS.has(event.key)) note(); }, { capture: true });
  // Momentum scrolling continues after touchend.
  scroller.addEventListener("touchstart", () => { isTouched = true; }, { passive: true });
  scroller.addEventListener("scrollend", () => { isTouched = false; });
  return () => isTouched || performance.now() - last < SMOOTH;
}
