// Terraform's colors: control sequences (ECMA-48) become text and style runs, line by line, for one stream.
// The visible text is the one that the server's search and downloads know: sequences removed, text that a carriage
// return or a backspace overwrote gone.

/**
 * How a run of text looks. Interned: equal styles are the same object.
 * @typedef {object} Style
 * @property {string} key
 * @property {number|string|null} fg 0–15, or "#rrggbb"
 * @property {number|string|null} bg
 * @property {boolean} bold
 * @property {boolean} dim
 * @property {boolean} italic
 * @property {boolean} underline
 * @property {boolean} strike
 * @property {boolean} inverse
 */

/** @typedef {{text: string, runs: (number|Style)[]|null}} StyledLine runs: offset, style, offset, style, … */

/** @type {Map<string, Style>} */
const styles = new Map();

/** @returns {Style} */
function intern(s) {
  const flags = (s.bold ? 1 : 0) | (s.dim ? 2 : 0) | (s.italic ? 4 : 0) | (s.underline ? 8 : 0) | (s.strike ? 16 : 0) | (s.inverse ? 32 : 0);
  const key = `${s.fg ?? ""}/${s.bg ?? ""}/${flags}`;
  let style = styles.get(key);
  if (!style) styles.set(key, style = Object.freeze({ ...s, key }));
  return style;
}

/** The style that `key` names. @param {string} key @returns {Style} */
export function styleOf(key) {
  const found = styles.get(key);
  if (found) return found;
  const [fg, bg, flags] = key.split("/");
  const color = (text) => (text === "" ? null : text.startsWith("#") ? text : Number(text));
  const has = (bit) => (Number(flags) & bit) !== 0;
  return intern({
    fg: color(fg), bg: color(bg), bold: has(1), dim: has(2), italic: has(4), underline: has(8), strike: has(16), inverse: has(32),
  });
}

const CLEAR = { fg: null, bg: null, bold: false, dim: false, italic: false, underline: false, strike: false, inverse: false };
export const PLAIN = intern(CLEAR);

// Everything that is not printed; the tab is.
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;
const HAS_CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;
// A longer sequence is invalid and does not continue on the next line.
const MAX_REST = 4096;

/** The parser of one stream. The style carries over from line to line. */
export class AnsiParser {
  /** @type {Style} */
  style = PLAIN;
  // The beginning of a sequence that the line was cut in.
  #rest = "";

  /** A new engine starts with no style. */
  reset() {
    this.style = PLAIN;
    this.#rest = "";
  }

  /**
   * Resumes from another parser's state.
   * @param {{style?: string, rest?: string}} end
   */
  resume({ style, rest = "" }) {
    this.style = style ? styleOf(style) : PLAIN;
    this.#rest = rest;
  }

  /**
   * @param {string} raw one line, without its line feed
   * @param {boolean} [continued] it continues the stream's previous line, which was cut
   * @returns {StyledLine}
   */
  line(raw, continued = false) {
    if (this.#rest) {
      if (continued) raw = this.#rest + raw;
      this.#rest = "";
    }
    if (!HAS_CONTROL.test(raw)) {
      return { text: raw, runs: this.style === PLAIN || !raw ? null : [0, this.style] };
    }
    return this.#parse(raw);
  }

  /** @param {string} raw @returns {StyledLine} */
  #parse(raw) {
    const end = raw.length;
    const out = new Output();
    let i = 0;
    while (i < end) {
      CONTROL.lastIndex = i;
      const found = CONTROL.exec(raw);
      const at = found ? found.index : end;
      if (at > i) out.write(raw.slice(i, at), this.style);
      if (!found) break;
      const code = raw.charCodeAt(at);
      if (code === 0x1b) i = this.#escape(raw, at);
      else if (code === 0x9b) i = this.#csi(raw, at, at + 1);
      else if (code === 0x90 || code === 0x98 || code >= 0x9d && code <= 0x9f) i = this.#string(raw, at, at + 1);
      else {
        if (code === 0x0d) out.toStart();
        else if (code === 0x08) out.back();
        i = at + 1;
      }
    }
    return out.take();
  }

  /** Each of these returns the index to continue at. */
  #escape(raw, at) {
    const code = raw.charCodeAt(at + 1);
    if (Number.isNaN(code)) return this.#cut(raw, at);
    if (code === 0x5b) return this.#csi(raw, at, at + 2);
    if (code === 0x5d || code === 0x50 || code === 0x58 || code === 0x5e || code === 0x5f) return this.#string(raw, at, at + 2);
    if (code === 0x1b) return at + 1;
    if (code >= 0x20 && code <= 0x2f) {
      let j = at + 2;
      while (raw.charCodeAt(j) >= 0x20 && raw.charCodeAt(j) <= 0x2f) j += 1;
      return j < raw.length ? after(raw, j) : this.#cut(raw, at);
    }
    return after(raw, at + 1);
  }

  #csi(raw, at, from) {
    let j = from;
    while (raw.charCodeAt(j) >= 0x20 && raw.charCodeAt(j) <= 0x3f) j += 1;
    if (j >= raw.length) return this.#cut(raw, at);
    const code = raw.charCodeAt(j);
    if (code < 0x40 || code > 0x7e) return j; // not a sequence: treat the character as text
    if (code === 0x6d) this.#sgr(raw.slice(from, j));
    return j + 1;
  }

  // OSC, DCS, APC …: up to BEL or ST.
  #string(raw, at, from) {
    for (let j = from; j < raw.length; j += 1) {
      const code = raw.charCodeAt(j);
      if (code === 0x07 || code === 0x9c) return j + 1;
      if (code === 0x1b) {
        if (j + 1 >= raw.length) break;
        return raw.charCodeAt(j + 1) === 0x5c ? j + 2 : j;
      }
    }
    return this.#cut(raw, at);
  }

  #cut(raw, at) {
    this.#rest = raw.length - at > MAX_REST ? "" : raw.slice(at);
    return raw.length;
  }

  /** Select Graphic Rendition. @param {string} params */
  #sgr(params) {
    if (!/^[\d;:]*$/.test(params)) return; // a private sequence
    const s = { ...this.style };
    const codes = params.split(";");
    for (let i = 0; i < codes.length; i += 1) {
      const sub = codes[i].split(":");
      const n = Number(sub[0] || 0);
      if (n === 0) Object.assign(s, CLEAR);
      else if (n === 1) s.bold = true;
      else if (n === 2) s.dim = true;
      else if (n === 3) s.italic = true;
      else if (n === 4) s.underline = sub[1] !== "0";
      else if (n === 7) s.inverse = true;
      else if (n === 9) s.strike = true;
      else if (n === 21) s.underline = true;
      else if (n === 22) s.bold = s.dim = false;
      else if (n === 23) s.italic = false;
      else if (n === 24) s.underline = false;
      else if (n === 27) s.inverse = false;
      else if (n === 29) s.strike = false;
      else if (n >= 30 && n <= 37) s.fg = n - 30;
      else if (n === 39) s.fg = null;
      else if (n >= 40 && n <= 47) s.bg = n - 40;
      else if (n === 49) s.bg = null;
      else if (n >= 90 && n <= 97) s.fg = n - 82;
      else if (n >= 100 && n <= 107) s.bg = n - 92;
      else if (n === 38 || n === 48) {
        const spread = sub.length > 1 ? null : semicolonColor(codes, i);
        const color = spread ? spread[0] : colonColor(sub);
        if (spread) i += spread[1];
        if (color !== undefined) s[n === 38 ? "fg" : "bg"] = color;
      }
    }
    this.style = intern(s);
  }
}

/** Behind the whole character at `i`. */
function after(raw, i) {
  return i + (raw.codePointAt(i) > 0xffff ? 2 : 1);
}

/**
 * `38;5;N` and `38;2;R;G;B`.
 * @returns {[number|string|undefined, number]} and how many codes it took
 */
function semicolonColor(codes, i) {
  if (codes[i + 1] === "5") return [indexed(codes[i + 2]), 2];
  if (codes[i + 1] === "2") return [rgb(codes[i + 2], codes[i + 3], codes[i + 4]), 4];
  return [undefined, 1];
}

/** `38:5:N`, `38:2:R:G:B` and `38:2:SPACE:R:G:B`. */
function colonColor(sub) {
  if (sub[1] === "5") return indexed(sub[2]);
  if (sub[1] === "2") return rgb(...sub.slice(sub.length >= 6 ? 3 : 2));
  return undefined;
}

const hex = (n) => n.toString(16).padStart(2, "0");

function rgb(r, g, b) {
  const parts = [r, g, b].map((v) => Number(v || 0));
  return parts.every((v) => v >= 0 && v <= 255) ? `#${parts.map(hex).join("")}` : undefined;
}

function indexed(text) {
  const n = Number(text || 0);
  if (!(n >= 0 && n <= 255)) return undefined;
  if (n < 16) return n;
  if (n >= 232) return rgb(...Array(3).fill(8 + (n - 232) * 10));
  const level = (v) => (v ? 55 + v * 40 : 0);
  return rgb(level(Math.floor((n - 16) / 36)), level(Math.floor((n - 16) / 6) % 6), level((n - 16) % 6));
}

/** What is written: straight on, until something goes back; then cell by cell. */
class Output {
  #text = "";
  #runs = [];
  #last = PLAIN;
  /** @type {string[]|null} */
  #cells = null;
  #cellStyles = [];
  #column = 0;

  /** @param {string} text @param {Style} style */
  write(text, style) {
    if (this.#column < 0) this.#toCells();
    if (this.#cells) {
      for (const scalar of text) {
        this.#cells[this.#column] = scalar;
        this.#cellStyles[this.#column] = style;
        this.#column += 1;
      }
      return;
    }
    if (style !== this.#last) {
      this.#runs.push(this.#text.length, style);
      this.#last = style;
    }
    this.#text += text;
  }

  // A carriage return at a line's end overwrites nothing: cells are made when something is written after it.
  toStart() {
    if (this.#cells) this.#column = 0;
    else if (this.#text) this.#column = -1;
  }

  back() {
    if (!this.#cells) {
      if (this.#column < 0 || !this.#text) return;
      this.#toCells();
      this.#column = this.#cells.length;
    }
    this.#column = Math.max(0, this.#column - 1);
  }

  #toCells() {
    this.#cells = [];
    const runs = this.#runs;
    let run = 0;
    let style = PLAIN;
    let offset = 0;
    for (const scalar of this.#text) {
      while (run < runs.length && runs[run] <= offset) {
        style = runs[run + 1];
        run += 2;
      }
      this.#cells.push(scalar);
      this.#cellStyles.push(style);
      offset += scalar.length;
    }
    this.#column = 0;
  }

  /** @returns {StyledLine} */
  take() {
    if (this.#cells) {
      const cells = this.#cells;
      const cellStyles = this.#cellStyles;
      this.#cells = null;
      this.#column = 0;
      this.#text = "";
      this.#runs = [];
      this.#last = PLAIN;
      for (let i = 0; i < cells.length; i += 1) this.write(cells[i], cellStyles[i]);
    }
    return { text: this.#text, runs: this.#runs.length ? this.#runs : null };
  }
}
