// Whether the log is being scrolled by hand: a wheel, a finger or a key moves it pixel by pixel, while the thumb of
// the scroll bar, and the page, make it leap. The browser's event of a scroll does not tell.

// A wheel's or a key's scrolling may be smoothed over so many milliseconds.
const SMOOTH = 400;
const KEYS = new Set(["PageUp", "PageDown", "ArrowUp", "ArrowDown", " "]);

/** @param {HTMLElement} scroller @returns {() => boolean} */
export function scrollsByHand(scroller) {
  let last = -SMOOTH;
  let isTouched = false;
  const note = () => { last = performance.now(); };
  scroller.addEventListener("wheel", note, { passive: true });
  scroller.addEventListener("keydown", (event) => { if (KEYS.has(event.key)) note(); }, { capture: true });
  // A flick goes on after the finger has left.
  scroller.addEventListener("touchstart", () => { isTouched = true; }, { passive: true });
  scroller.addEventListener("scrollend", () => { isTouched = false; });
  return () => isTouched || performance.now() - last < SMOOTH;
}
