// Browsers limit element heights to about 16 million pixels. Here the height of the element is
// bounded, and what it stands for is not. Scrolling by hand moves pixel by pixel; a dragged thumb, or any leap, goes
// in proportion; both ends are exact. Pure: the window asks, and moves the scroller.
//
// `y` is a place in the log, `top` one in the element; y = top + shift. Scrolling keeps the shift, a jump chooses a new
// one.

const CAP = 8_000_000;
// Near both ends the mapping is 1:1, to leave room for scrolling.
const EDGE = 65_536;
// In viewport heights: a longer, non-manual step counts as a jump.
const LEAP = 2;

export class ScrollSpace {
  #cap;
  #edge;
  #whole = 0;
  #view = 0;
  #shift = 0;
  #top = 0;

  /** @param {{cap?: number, edge?: number}} limits in pixels */
  constructor({ cap = CAP, edge = EDGE } = {}) {
    this.#cap = cap;
    this.#edge = edge;
  }

  /** How high the element is to be. */
  get height() {
    return Math.min(this.#whole, this.#cap);
  }

  get isScaled() {
    return this.#whole > this.#cap;
  }

  /** @param {number} top */
  toLog(top) {
    return top + this.#shift;
  }

  /** @param {number} y */
  toElement(y) {
    return y - this.#shift;
  }

  /** Sets the height of the log and of the view. What is in view stays there. @param {number} whole @param {number} view */
  resize(whole, view) {
    this.#whole = Math.ceil(whole);
    this.#view = view;
    if (!this.isScaled) this.#shift = 0;
  }

  /** Gives the place `y` its share of the element. @param {number} y @returns {number} the top to scroll to */
  place(y) {
    // A whole number, so that rows stay on whole pixels.
    this.#shift = this.isScaled ? Math.round(y - this.#share(y, this.#whole, this.height)) : 0;
    this.#top = y - this.#shift;
    return this.#top;
  }

  /** The scroller is at `top` now. @param {number} top @param {boolean} byHand a wheel, a finger or a key moves it */
  moved(top, byHand) {
    const step = Math.abs(top - this.#top);
    this.#top = top;
    if (!this.isScaled || byHand || step <= LEAP * this.#view) return;
    this.#shift = Math.round(this.#share(top, this.height, this.#whole) - top);
  }

  /** Whether there is room around `top` for scrolling by hand. @param {number} top */
  hasRoom(top) {
    const y = this.toLog(top);
    const enough = LEAP * this.#view;
    return top >= Math.min(enough, y) && this.height - top >= Math.min(enough + this.#view, this.#whole - y);
  }

  // From a height of `from` to one of `to`: the same at the edges, in proportion in between.
  #share(place, from, to) {
    const end = from - this.#view;
    const other = to - this.#view;
    const edge = Math.min(this.#edge, (this.#cap - this.#view) / 4);
    if (place <= edge) return place;
    if (place >= end - edge) return other - (end - place);
    return edge + (place - edge) * (other - 2 * edge) / (end - 2 * edge);
  }
}
