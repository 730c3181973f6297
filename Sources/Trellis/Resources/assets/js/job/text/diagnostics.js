// Terraform's diagnostics, whatever their stream: `╷ │ Error: … ╵` boxes, and bare `Error:` / `Warning:` lines.

const HEAD = /^\s*│?\s*(Error|Warning): \S?/;
const BARE = /^(Error|Warning): \S/;
// After so many lines without an end it was no box.
const MAX_LINES = 2000;

/** Watches the lines of one stream. */
export class Marker {
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
