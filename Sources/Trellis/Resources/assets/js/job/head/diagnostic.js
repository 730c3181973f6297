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
// A summary of this length, or with a colon, names the cause; a shorter one is the heading of the detail.
const HEADING = 60;
// A longer cause is shortened to its first sentence.
const LONG = 120;

/**
 * What the engine reported; without that, the job's error message as it stands.
 * @param {{error_message?: string|null, outcome?: {diagnostic?: {summary: string, detail: string, address?: string, file?: string, line?: number, others: number}}}} job
 * @returns {ShownError}
 */
export function shownError({ error_message: message, outcome }) {
  const engine = outcome?.diagnostic;
  if (!engine) return { ...parts((message ?? "").trim(), ""), address: "", place: "", others: 0 };
  const { summary, detail, address = "", file, line, others } = engine;
  const place = file && line ? `${file}:${line}` : file ?? "";
  return { ...parts(summary, oneLine(detail)), address, place, others };
}

/** @param {string} summary @param {string} detail */
function parts(summary, detail) {
  if (detail && summary.length < HEADING && !summary.includes(": ")) {
    const sentence = SENTENCE.exec(detail)?.[0] ?? detail;
    const cause = summary ? `${stop(summary)}: ${stop(sentence)}` : stop(sentence);
    return { cause, more: detail.slice(sentence.length).trim() };
  }
  const [first] = summary.split("\n");
  const sentence = first.length > LONG ? SENTENCE.exec(first)?.[0] ?? first : first;
  return { cause: stop(sentence), more: oneLine(`${summary.slice(sentence.length)} ${detail}`) };
}

const oneLine = (text) => text.replace(/\s+/g, " ").trim();
const stop = (text) => text.trim().replace(/[.:]$/, "");
