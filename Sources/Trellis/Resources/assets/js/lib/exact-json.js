// JSON without loss: numbers keep their digits. JSON.parse makes doubles of them, which rounds what is longer.

/** A number with its original digits. */
export class Digits {
  /** @param {string} text as JSON writes it */
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

/** Objects by their own prototype-free maps: a key may be called `__proto__`. @typedef {Map<string, any>} ExactObject */

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS = new Map([["true", true], ["false", false], ["null", null]]);
// Deeper than any value that the API accepts; a response adds levels of its own.
const MAX_DEPTH = 128;

class Reader {
  #text;
  #at = 0;
  #depth = 0;

  constructor(text) {
    this.#text = text;
  }

  document() {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) this.#fail();
    return value;
  }

  #fail() {
    throw new SyntaxError(`Not valid JSON at character ${this.#at + 1}.`);
  }

  #match(pattern) {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (!found) return null;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  #space() {
    this.#match(SPACE);
  }

  #take(character) {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #string() {
    const text = this.#match(STRING);
    if (text === null) this.#fail();
    return JSON.parse(text);
  }

  #value() {
    this.#space();
    const first = this.#text[this.#at];
    if (first === '"') return this.#string();
    if (first === "{" || first === "[") {
      if (this.#depth === MAX_DEPTH) throw new SyntaxError(`Values are nested at most ${MAX_DEPTH} levels deep.`);
      this.#depth += 1;
      this.#at += 1;
      const value = first === "{" ? this.#object() : this.#array();
      this.#depth -= 1;
      return value;
    }
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    const digits = this.#match(NUMBER);
    if (digits === null) this.#fail();
    return new Digits(digits);
  }

  #object() {
    const members = new Map();
    if (this.#take("}")) return members;
    do {
      this.#space();
      const name = this.#string();
      if (!this.#take(":")) this.#fail();
      members.set(name, this.#value());
    } while (this.#take(","));
    if (!this.#take("}")) this.#fail();
    return members;
  }

  #array() {
    const items = [];
    if (this.#take("]")) return items;
    do items.push(this.#value()); while (this.#take(","));
    if (!this.#take("]")) this.#fail();
    return items;
  }
}

/**
 * Objects become Maps, numbers `Digits`; everything else is as JSON.parse has it.
 * @param {string} text @returns {any} @throws {SyntaxError}
 */
export const parseExact = (text) => new Reader(text).document();

// A number that may lose digits as a double. Text in strings can look like one, which costs time and nothing else.
const MAY_LOSE = /[:[,\s]-?(?:\d{16,}|\d+[.eE])/;

/**
 * As `JSON.parse`, except that numbers which a double can't hold become `Digits`.
 * @param {string} text @returns {any} @throws {SyntaxError}
 */
export function parseKeepingDigits(text) {
  const value = JSON.parse(text);
  return MAY_LOSE.test(text) ? plain(parseExact(text)) : value;
}

function plain(value) {
  if (value instanceof Digits) return String(Number(value.text)) === value.text ? Number(value.text) : value;
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof Map ? Object.fromEntries([...value].map(([name, item]) => [name, plain(item)])) : value;
}

/**
 * Takes what `parseExact` gives, plain objects and plain numbers too.
 * @param {any} value @param {string} [indent] breaks lines where it is not empty @returns {string}
 */
export function writeExact(value, indent = "") {
  return write(value, indent, "\n");
}

function write(value, indent, line) {
  if (value instanceof Digits) return value.text;
  const isArray = Array.isArray(value);
  if (!isArray && (value === null || typeof value !== "object")) return JSON.stringify(value);
  const inner = line + indent;
  const items = isArray ? value.map((item) => write(item, indent, inner))
    : [...(value instanceof Map ? value : Object.entries(value))].filter(([, item]) => item !== undefined)
      .map(([name, item]) => `${JSON.stringify(name)}:${indent ? " " : ""}${write(item, indent, inner)}`);
  const [open, close] = isArray ? "[]" : "{}";
  if (!items.length) return open + close;
  return indent ? `${open}${inner}${items.join(`,${inner}`)}${line}${close}` : open + items.join(",") + close;
}

/** Compares values digit by digit; ignores the order of members. */
export function isSame(left, right) {
  if (left instanceof Digits || right instanceof Digits) return left instanceof Digits && right instanceof Digits && left.text === right.text;
  if (left instanceof Map || right instanceof Map) {
    return left instanceof Map && right instanceof Map && left.size === right.size && [...left].every(([name, item]) => right.has(name) && isSame(item, right.get(name)));
  }
  if (Array.isArray(left) || Array.isArray(right)) {
    return Array.isArray(left) && Array.isArray(right) && left.length === right.length && left.every((item, i) => isSame(item, right[i]));
  }
  return left === right;
}
