// The error of a failed job, as its head shows it. Pure.

/**
 * @typedef {object} ShownError
 * @property {string} cause the error's own words, on one line
 * @property {string} more the rest of them; empty where the cause says it all
 * @property {string} address of the resource
 * @property {string} place file and line
 * @property {number} others how many more errors there are
 */

const SENTENCE = /^.+?[.!?](?=\s+["'(]?[A-Z])/;
// A longer cause is shortened to its first sentence.
const LONG = 120;

/**
 * What the engine reported; without that, the job's error message as it stands.
 * @param {{error_message?: string|null, outcome?: {diagnostic?: {cause: string, more: string, address?: string, file?: string, line?: number, others: number}}}} job
 * @returns {ShownError}
 */
export function shownError({ error_message: message, outcome }) {
  const engine = outcome?.diagnostic;
  if (!engine) return { ...parts((message ?? "").trim(), ""), address: "", place: "", others: 0 };
  const { cause, more, address = "", file, line, others } = engine;
  const place = file && line ? `${file}:${line}` : file ?? "";
  return { ...parts(cause, more), address, place, others };
}

/** @param {string} text @param {string} more */
function parts(text, more) {
  const [first] = text.split("\n");
  const sentence = first.length > LONG ? SENTENCE.exec(first)?.[0] ?? first : first;
  return { cause: stop(sentence), more: oneLine(`${text.slice(sentence.length)} ${more}`) };
}

const oneLine = (text) => text.replace(/\s+/g, " ").trim();
const stop = (text) => text.trim().replace(/[.:]$/, "");
