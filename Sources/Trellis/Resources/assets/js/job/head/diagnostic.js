// Parses an error message into its cause and location. Knows Terraform's layout; any other text is the cause. Pure.

/**
 * @typedef {object} Diagnostic
 * @property {string} cause the diagnostic's own words, on one line
 * @property {string} more the rest of them; empty where the cause says it all
 * @property {string} address of the resource
 * @property {string} place file and line
 * @property {number} others how many more errors the message counts
 */

// The location: on separate lines before the source, or in one line after the text.
const WITH = /^with (.+?),?$/;
const ON = /^on (.+?) line (\d+)\b/;
const PLACE = /^(?:with (.+?)(?:, (?=on )|$))?(?:on (.+?)(?: line (\d+))?)?$/;
const SOURCE = /^\d+:/;
const VALUE = /^[├│╵╷]/;
const OTHERS = /^\(?and (\d+) more errors?\)?[.:]?$/i;
const SENTENCE = /^.+?[.!?](?=\s+["'(]?[A-Z])/;
// A summary of this length, or with a colon, names the cause; a shorter one is the heading of the detail.
const HEADING = 60;
// A longer cause is shortened to its first sentence.
const LONG = 120;

/**
 * @param {string|null|undefined} message
 * @param {readonly string[]} [ids] the vine's and the job's: folders of a Tendril are named by them, and are left out
 * @returns {Diagnostic}
 */
export function diagnosticOf(message, ids = []) {
  const found = { cause: "", more: "", address: "", place: "", others: 0 };
  const lines = withoutFolders(message ?? "", ids).trim().split("\n").map((line) => line.replace(/^[╷│╵] ?/, "").trim());
  const isFramed = lines[0].startsWith("Error: ");
  const summary = lines.shift().replace(/^Error: /, "");
  const others = OTHERS.exec(lines.at(-1) ?? "");
  if (others) {
    found.others = Number(others[1]);
    lines.pop();
  }
  const detail = (isFramed ? framed(lines, found) : plain(lines, found)).join(" ").replace(/\s+/g, " ").trim();
  const isHeading = detail && summary.length < HEADING && !summary.includes(": ");
  if (isHeading) {
    const sentence = SENTENCE.exec(detail)?.[0] ?? detail;
    return { ...found, cause: `${stop(summary)}: ${stop(sentence)}`, more: detail.slice(sentence.length).trim() };
  }
  const sentence = summary.length > LONG ? SENTENCE.exec(summary)?.[0] ?? summary : summary;
  return { ...found, cause: stop(sentence), more: `${summary.slice(sentence.length)} ${detail}`.trim() };
}

// Terraform's own layout: where, the source, then the text.
function framed(lines, found) {
  const text = [];
  for (const line of lines) {
    if (!text.length && !found.place && WITH.test(line)) [, found.address] = WITH.exec(line);
    else if (!text.length && !found.place && ON.test(line)) {
      const [, file, number] = ON.exec(line);
      found.place = `${file}:${number}`;
    } else if (line && !(found.place && !text.length && (SOURCE.test(line) || VALUE.test(line)))) text.push(line);
  }
  return text;
}

// The text, then where.
function plain(lines, found) {
  const where = PLACE.exec(lines.at(-1) ?? "");
  if (!where || !where[1] && !where[2]) return lines;
  const [, address = "", file = "", number] = where;
  found.address = address;
  found.place = number ? `${file}:${number}` : file;
  return lines.slice(0, -1);
}

/** Removes the Tendril's folders from paths, so files have the names that Terraform sees. */
function withoutFolders(text, ids) {
  return ids.filter(Boolean).reduce((left, id) => left.replaceAll(new RegExp(`(?:/[^\\s/'"\`:]+)*/${id}(?:/|(?=[\\s'"\`:,.]|$))`, "g"), ""), text);
}

const stop = (text) => text.trim().replace(/[.:]$/, "");
