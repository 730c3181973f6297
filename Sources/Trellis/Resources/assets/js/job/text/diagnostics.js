// Terraform's diagnostics in any stream: `╷ │ Error: … ╵` boxes, and bare `Error:` / `Warning:` lines.

import { partitionPoint } from "../../lib/partition-point.js";

const HEAD = /^\s*│?\s*(Error|Warning): \S?/;
const BARE = /^(Error|Warning): \S/;
// A box that is still open after this many lines is not a box.
const MAX_LINES = 2000;

/** Watches the lines of one stream. */
export class DiagnosticMarker {
  /** @type {null|{kind: null|"error"|"warning", lines: any[], size: number}} */
  #box = null;

  /**
   * Goes on in the box that an earlier line opened; in none where `box` is not given.
   * @param {"error"|"warning"|"open"} [box] open: what kind it is is not known yet
   * @param {any[]} [lines] those of the stream that are here; the box's own are found among them
   */
  resume(box, lines = []) {
    if (!box) {
      this.#box = null;
      return;
    }
    const top = lines.findLastIndex(({ text }) => text.trimStart()[0] === "╷");
    const own = top < 0 ? [] : lines.slice(top);
    this.#box = { kind: box === "open" ? null : box, lines: box === "open" ? own : [], size: own.length };
  }

  /**
   * Marks `line` (`mark`, and `head` on the line that names the diagnostic), and lines before it where only
   * `line` tells what they belong to.
   * @param {{text: string, mark: string|null, head: boolean}} line
   * @returns {any[]} earlier lines that changed
   */
  take(line) {
    const { text } = line;
    const first = text.trimStart()[0];
    if (first === "╷") {
      this.#box = { kind: null, lines: [line], size: 1 };
      return [];
    }
    const box = this.#box;
    if (box && (first === "│" || first === "╵") && box.size < MAX_LINES) {
      box.size += 1;
      let changed = [];
      if (!box.kind) {
        const found = HEAD.exec(text);
        if (found) {
          box.kind = found[1] === "Error" ? "error" : "warning";
          line.head = true;
          changed = box.lines;
          for (const earlier of changed) earlier.mark = box.kind;
          box.lines = [];
        } else {
          box.lines.push(line);
        }
      }
      line.mark = box.kind;
      if (first === "╵") this.#box = null;
      return changed;
    }
    this.#box = null;
    const bare = BARE.exec(text);
    if (bare) {
      line.mark = bare[1] === "Error" ? "error" : "warning";
      line.head = true;
    }
    return [];
  }
}

// The line numbers of errors and warnings, sorted and unique.

/** @typedef {"error"|"warning"} Kind */

export class Outline {
  /** @type {Record<Kind, number[]>} */
  #heads = { error: [], warning: [] };
  // Grows with every change.
  version = 0;

  /** @param {Kind} kind @returns {readonly number[]} */
  of(kind) {
    return this.#heads[kind];
  }

  /** @param {Kind} kind @param {number} n */
  add(kind, n) {
    const list = this.#heads[kind];
    const at = upperBound(list, n);
    if (list[at - 1] === n) return;
    list.splice(at, 0, n);
    this.version += 1;
  }

  /** What the server knows of the whole log. @param {{errors: number[], warnings: number[]}} found */
  merge({ errors, warnings }) {
    this.#merge("error", errors);
    this.#merge("warning", warnings);
  }

  #merge(kind, found) {
    const list = [...new Set([...found, ...this.#heads[kind]])].sort((a, b) => a - b);
    if (list.length === this.#heads[kind].length) return;
    this.#heads[kind] = list;
    this.version += 1;
  }

  /**
   * The one after or before line `n`; wraps around. 0 where there are none at all.
   * @param {Kind} kind @param {number} n @param {1|-1} by
   */
  next(kind, n, by) {
    const list = this.#heads[kind];
    const after = upperBound(list, n);
    if (by > 0) return list[after] ?? list[0] ?? 0;
    const before = list[after - 1] === n ? after - 2 : after - 1;
    return list[before] ?? list.at(-1) ?? 0;
  }
}

/** How many of the sorted numbers are at most `n`. @param {number[]} list @param {number} n */
function upperBound(list, n) {
  return partitionPoint(list.length, (i) => list[i] <= n);
}
