// A text area shows every line end as a line feed. These functions restore the original line ends of an edited text.

const LINE = /[^\r\n]*(\r\n|\r|\n|$)/y;

/** @param {string} text @returns {{text: string, end: string}[]} lines with the ends that they had */
function lines(text) {
  const found = [];
  LINE.lastIndex = 0;
  for (;;) {
    const [whole, end] = /** @type {RegExpExecArray} */ (LINE.exec(text));
    found.push({ text: whole.slice(0, whole.length - end.length), end });
    if (!end) return found;
  }
}

/** What a text area makes of a text. @param {string} text */
export const shownText = (text) => text.replace(/\r\n?/g, "\n");

/**
 * Unedited lines keep their line ends; new ones get the most frequent one.
 * @param {string} original @param {string} edited as the text area gives it
 */
export function restoreLineEnds(original, edited) {
  if (!original.includes("\r")) return edited;
  const old = lines(original);
  const now = lines(edited);
  const ends = old.map((line) => line.end).filter(Boolean);
  const usual = ["\r\n", "\n", "\r"].reduce((best, end) => (count(ends, end) > count(ends, best) ? end : best));
  let head = 0;
  while (head < old.length && head < now.length && old[head].text === now[head].text) head += 1;
  let tail = 0;
  while (tail < old.length - head && tail < now.length - head && old.at(-1 - tail).text === now.at(-1 - tail).text) tail += 1;
  return now.map((line, i) => {
    if (!line.end) return line.text;
    const before = i < head ? old[i] : i >= now.length - tail ? old[old.length - now.length + i] : null;
    return line.text + (before?.end || usual);
  }).join("");
}

const count = (ends, wanted) => ends.filter((end) => end === wanted).length;
