// Colors for Terraform's files: enough of HCL, and of JSON, to read them by. Pure; text is given in parts.

/** @typedef {[string, string]} Part class ("" for plain) and text */

const KEYWORDS = new Set(["true", "false", "null", "for", "in", "if", "else", "endif", "endfor"]);
const TOKEN = /(#.*|\/\/.*)|(\/\*)|<<(-?)([A-Za-z_][\w-]*)|(")|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z_][\w-]*)|([{}[\]()=,.:?!<>&|%+*/-])/g;

/** True where the file is one of Terraform's, or JSON. @param {string} name */
export const isHighlighted = (name) => /\.(tf|tofu|tfvars|hcl|json|tftest\.hcl)$/.test(name);

/**
 * The parts of each line.
 * @param {string} text
 * @returns {Part[][]}
 */
export function highlight(text) {
  let isComment = false;
  /** @type {RegExp|null} the end of the heredoc that is open */
  let heredoc = null;
  return text.split("\n").map((line) => {
    /** @type {Part[]} */
    const parts = [];
    let from = 0;
    if (heredoc) {
      if (heredoc.test(line)) heredoc = null;
      else return template(line);
      return [["s", line]];
    }
    if (isComment) {
      const end = line.indexOf("*/");
      if (end < 0) return [["c", line]];
      isComment = false;
      from = end + 2;
      parts.push(["c", line.slice(0, from)]);
    }
    const rest = /^\s*/.exec(line.slice(from))[0].length + from;
    TOKEN.lastIndex = from;
    for (let found = TOKEN.exec(line); found; found = TOKEN.exec(line)) {
      if (found.index > from) parts.push(["", line.slice(from, found.index)]);
      const [whole, comment, block, , marker, quote, number, word] = found;
      from = found.index + whole.length;
      if (comment) parts.push(["c", whole]);
      else if (block) {
        const end = line.indexOf("*/", from);
        isComment = end < 0;
        from = isComment ? line.length : end + 2;
        parts.push(["c", line.slice(found.index, from)]);
      } else if (marker) {
        heredoc = new RegExp(`^\\s*${marker}\\s*$`);
        parts.push(["s", whole]);
      } else if (quote) {
        from = endOfString(line, from);
        const isKey = /^\s*:/.test(line.slice(from));
        parts.push(...(isKey ? [/** @type {Part} */ (["k", line.slice(found.index, from)])] : template(line.slice(found.index, from))));
      } else if (number) parts.push(["n", whole]);
      else if (word) parts.push([wordKind(line, found.index, from, rest), whole]);
      else parts.push(["p", whole]);
      TOKEN.lastIndex = from;
    }
    if (from < line.length) parts.push(["", line.slice(from)]);
    return parts;
  });
}

function wordKind(line, start, end, first) {
  const word = line.slice(start, end);
  if (KEYWORDS.has(word)) return "l";
  if (/^\s*=(?!=)/.test(line.slice(end))) return "k";
  if (start === first && /^(?:\s+(?:"[^"]*"|[\w-]+))*\s*\{/.test(line.slice(end))) return "b";
  return "";
}

// Past the closing quote; strings in ${…} are part of it.
function endOfString(line, from) {
  let depth = 0;
  for (let i = from; i < line.length; i += 1) {
    const char = line[i];
    if (char === "\\") i += 1;
    else if ((char === "$" || char === "%") && line[i + 1] === "{" && line[i - 1] !== char) { depth += 1; i += 1; }
    else if (depth && char === "}") depth -= 1;
    else if (char === '"') {
      if (!depth) return i + 1;
      i = endOfString(line, i + 1) - 1;
    }
  }
  return line.length;
}

/** A text with its `${…}` set apart. @param {string} text @returns {Part[]} */
function template(text) {
  return text.split(/(\$\{[^}]*\})/).filter(Boolean).map((part) => [/^\$\{/.test(part) ? "l" : "s", part]);
}
