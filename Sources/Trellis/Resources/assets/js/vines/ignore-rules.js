// What a `.terraformignore` file leaves out, by Terraform's rules: one pattern per line, the last match decides, `!`
// includes again. `*` and `?` stop at a slash, `**` does not. The same rules as `IgnoreRules.swift`.

export const IGNORE_FILE = ".terraformignore";

export class IgnoreRules {
  /** @type {{pattern: RegExp, includes: boolean}[]} */
  #rules;

  /** @param {string} text the content of the file */
  constructor(text) {
    this.#rules = text.split(/\r\n|\r|\n/).map(ruleOf).filter((rule) => rule !== null);
  }

  /** Whether the file is left out. @param {string} path relative to the folder of the ignore file */
  excludes(path) {
    const rule = this.#rules.findLast(({ pattern }) => pattern.test(path));
    return rule !== undefined && !rule.includes;
  }
}

function ruleOf(line) {
  let text = line.trim();
  if (!text || text.startsWith("#")) return null;
  const includes = text.startsWith("!");
  if (includes) text = text.slice(1);
  if (!text) return null;
  if (text.endsWith("/")) text += "**";
  text = text.startsWith("/") ? text.slice(1) : `**/${text}`;
  try {
    return { pattern: new RegExp(`^${source(text)}$`, "su"), includes };
  } catch {
    return null; // a range such as [z-a]
  }
}

// The pattern as a regular expression.
function source(text) {
  let made = "";
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const found = /^(?:\*\*\/?|\*|\?|\\.|\[(\^?)([^]+?)\])/su.exec(rest);
    const token = found ? found[0] : String.fromCodePoint(rest.codePointAt(0));
    at += token.length;
    if (!found) made += escaped(token);
    else if (token.startsWith("**")) made += at === text.length ? ".*" : "(?:.*/)?";
    else if (token === "*") made += "[^/]*";
    else if (token === "?") made += "[^/]";
    else if (token.startsWith("\\")) made += escaped(token.slice(1));
    else made += `[${found[1]}${found[2].replace(/[\\\][^]/g, "\\$&")}]`;
  }
  return made;
}

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/gu, "\\$&");
