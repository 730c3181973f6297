// The part of HCL that a form needs: literal values, types, and the declarations of variables. Nothing is evaluated.

import { Digits, parseExact, writeExact } from "../lib/exact-json.js";

const SPACE = /(?:[ \t\r]|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const WORD = /[\p{L}_][\p{L}\p{N}_-]*/uy;
const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const HEREDOC = /<<(-?)([\p{L}_][\p{L}\p{N}_-]*)[ \t]*\r?\n/uy;
const ESCAPES = new Map([["n", "\n"], ["r", "\r"], ["t", "\t"], ['"', '"'], ["\\", "\\"]]);

/**
 * @typedef {object} Token
 * @property {"word"|"number"|"string"|"mark"|"line"|"end"} kind
 * @property {string} text a word, a number, the text of a string, or a punctuation mark
 * @property {boolean} [isDynamic] a string with a template in it: its text is not known
 * @property {number} at
 * @property {number} end
 */

class Lexer {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  #match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  /** @returns {Token} */
  next() {
    this.#match(SPACE);
    const at = this.at;
    const token = (kind, text, isDynamic = false) => ({ kind, text, isDynamic, at, end: this.at });
    if (at >= this.text.length) return token("end", "");
    const first = this.text[at];
    if (first === "\n") {
      this.at += 1;
      return token("line", "\n");
    }
    if (first === '"') {
      const { text, isDynamic } = this.#quoted();
      return token("string", text, isDynamic);
    }
    const heredoc = this.#match(HEREDOC);
    if (heredoc) {
      const { text, isDynamic } = this.#heredoc(heredoc[2], Boolean(heredoc[1]));
      return token("string", text, isDynamic);
    }
    const word = this.#match(WORD);
    if (word) return token("word", word[0]);
    const number = this.#match(NUMBER);
    if (number) return token("number", number[0]);
    this.at += 1;
    return token("mark", first);
  }

  /** @returns {Token} */
  peek() {
    const { at } = this;
    const token = this.next();
    this.at = at;
    return token;
  }

  #quoted() {
    let text = "";
    let isDynamic = false;
    this.at += 1;
    for (;;) {
      const character = this.text[this.at];
      if (character === undefined || character === "\n") throw new SyntaxError("A quoted text has no closing quotation mark.");
      if (character === '"') break;
      if (character === "\\") {
        text += this.#escape();
      } else if (this.#isTemplate()) {
        isDynamic = true;
        this.#template();
      } else {
        text += this.#plain();
      }
    }
    this.at += 1;
    return { text, isDynamic };
  }

  #escape() {
    const letter = this.text[this.at + 1];
    const width = letter === "u" ? 4 : letter === "U" ? 8 : 0;
    if (width) {
      const code = this.text.slice(this.at + 2, this.at + 2 + width);
      if (!new RegExp(`^[0-9a-fA-F]{${width}}$`).test(code) || parseInt(code, 16) > 0x10ffff) throw new SyntaxError(`"\\${letter}" needs ${width} hexadecimal digits.`);
      this.at += 2 + width;
      return String.fromCodePoint(parseInt(code, 16));
    }
    const plain = ESCAPES.get(letter);
    if (plain === undefined) throw new SyntaxError(`"\\${letter ?? ""}" is no escape in a quoted text.`);
    this.at += 2;
    return plain;
  }

  #isTemplate() {
    return /[$%]/.test(this.text[this.at]) && this.text[this.at + 1] === "{";
  }

  /** One character, or an escaped template start. */
  #plain() {
    const text = this.text.slice(this.at, this.at + 3);
    const isEscaped = text === "$${" || text === "%%{";
    this.at += isEscaped ? 3 : 1;
    return isEscaped ? text.slice(1) : text[0];
  }

  #template() {
    this.at += 2;
    for (let depth = 1; depth;) {
      const { kind, text } = this.next();
      if (kind === "end") throw new SyntaxError("A template has no closing brace.");
      if (kind === "mark" && text === "{") depth += 1;
      if (kind === "mark" && text === "}") depth -= 1;
    }
  }

  #heredoc(name, isIndented) {
    const lines = [];
    for (;;) {
      const end = this.text.indexOf("\n", this.at);
      const line = this.text.slice(this.at, end < 0 ? undefined : end).replace(/\r$/, "");
      if (line.trim() === name) {
        this.at += line.length;
        break;
      }
      if (end < 0) throw new SyntaxError(`The text that begins with <<${name} does not end.`);
      lines.push(line);
      this.at = end + 1;
    }
    const indents = lines.filter((line) => line.trim()).map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0);
    const cut = isIndented && indents.length ? Math.min(...indents) : 0;
    const text = lines.map((line) => `${line.slice(cut)}\n`).join("");
    return { text: text.replaceAll("$${", "${").replaceAll("%%{", "%{"), isDynamic: /(^|[^$])\$\{|(^|[^%])%\{/.test(text) };
  }

  skipLines() {
    while (this.peek().kind === "line") this.next();
  }

  /** @param {string} text @returns {boolean} */
  takes(text) {
    const token = this.peek();
    if (token.kind !== "mark" || token.text !== text) return false;
    this.next();
    return true;
  }

  expect(text) {
    if (!this.takes(text)) throw new SyntaxError(`Expected "${text}" ${place(this.peek())}.`);
  }
}

const place = ({ kind, text }) => (kind === "end" ? "at the end" : kind === "line" ? "at the end of a line" : `before "${text}"`);

// ---- values

/**
 * A literal, in JSON or HCL.
 * @param {string} text @returns {any} as `parseExact` has it @throws {SyntaxError} with a sentence
 */
export function parseValue(text) {
  try {
    return parseExact(text);
  } catch { /* then it is HCL, or nothing */ }
  const lexer = new Lexer(text);
  lexer.skipLines();
  const value = literal(lexer);
  lexer.skipLines();
  const rest = lexer.peek();
  if (rest.kind !== "end") throw new SyntaxError(`Only one value is possible; there is more ${place(rest)}.`);
  return value;
}

function literal(lexer) {
  const token = lexer.next();
  switch (token.kind) {
    case "string":
      if (token.isDynamic) throw new SyntaxError("A value has no templates. Write $${ for a literal ${.");
      return token.text;
    case "number": return new Digits(jsonNumber(token.text));
    case "word":
      if (token.text === "true" || token.text === "false") return token.text === "true";
      if (token.text === "null") return null;
      throw new SyntaxError(`"${token.text}" is not a value. Text needs quotation marks; expressions are not possible.`);
    case "mark":
      if (token.text === "-") {
        const number = lexer.next();
        if (number.kind === "number") return new Digits(`-${jsonNumber(number.text)}`);
        throw new SyntaxError("Expected a number after the minus sign.");
      }
      if (token.text === "[") return list(lexer);
      if (token.text === "{") return object(lexer);
      throw new SyntaxError(`Unexpected "${token.text}".`);
    default: throw new SyntaxError("The value is not complete.");
  }
}

// JSON has no leading zeros.
const jsonNumber = (text) => text.replace(/^0+(?=\d)/, "");

function list(lexer) {
  const items = [];
  for (;;) {
    lexer.skipLines();
    if (lexer.takes("]")) return items;
    items.push(literal(lexer));
    lexer.skipLines();
    if (!lexer.takes(",")) {
      lexer.expect("]");
      return items;
    }
  }
}

function object(lexer) {
  const members = new Map();
  for (;;) {
    lexer.skipLines();
    if (lexer.takes("}")) return members;
    const name = key(lexer);
    if (!lexer.takes("=")) lexer.expect(":");
    lexer.skipLines();
    members.set(name, literal(lexer));
    const isLine = lexer.peek().kind === "line";
    if (!isLine && !lexer.takes(",")) {
      lexer.expect("}");
      return members;
    }
  }
}

function key(lexer) {
  const token = lexer.next();
  const isName = token.kind === "word" || token.kind === "number" || (token.kind === "string" && !token.isDynamic);
  if (!isName) throw new SyntaxError(`Expected a name ${place(token)}.`);
  return token.text;
}

// ---- types

/**
 * @typedef {object} Type
 * @property {"string"|"number"|"bool"|"any"|"list"|"set"|"map"|"object"|"tuple"} kind
 * @property {Type} [of] of a list's, set's or map's elements
 * @property {Map<string, {type: Type, isOptional: boolean}>} [attributes]
 * @property {Type[]} [items]
 */

/** @type {Type} */
const ANY = { kind: "any" };

/** @param {string} text @returns {Type} `any` for what is not a type */
export function parseType(text) {
  try {
    return type(new Lexer(text));
  } catch {
    return ANY;
  }
}

/** @returns {Type} */
function type(lexer) {
  const token = lexer.next();
  // Terraform 0.11 wrote types in quotation marks.
  const name = token.text;
  if (["string", "number", "bool", "any"].includes(name)) return { kind: /** @type {Type["kind"]} */ (name) };
  if (name === "list" || name === "set" || name === "map") {
    if (!lexer.takes("(")) return { kind: name, of: ANY };
    lexer.skipLines();
    return { kind: name, of: type(lexer) };
  }
  if (name !== "object" && name !== "tuple") return ANY;
  lexer.expect("(");
  lexer.skipLines();
  const made = name === "object" ? objectType(lexer) : tupleType(lexer);
  lexer.skipLines();
  lexer.expect(")");
  return made;
}

/** @returns {Type} */
function objectType(lexer) {
  const attributes = new Map();
  lexer.expect("{");
  for (;;) {
    lexer.skipLines();
    if (lexer.takes("}")) return { kind: "object", attributes };
    const name = key(lexer);
    if (!lexer.takes("=")) lexer.expect(":");
    const isOptional = lexer.peek().text === "optional";
    if (isOptional) {
      lexer.next();
      lexer.expect("(");
      lexer.skipLines();
    }
    attributes.set(name, { type: type(lexer), isOptional });
    skipTo(lexer, isOptional ? ")" : "");
    if (isOptional) lexer.expect(")");
    lexer.takes(",");
  }
}

/** @returns {Type} */
function tupleType(lexer) {
  const items = [];
  lexer.expect("[");
  for (;;) {
    lexer.skipLines();
    if (lexer.takes("]")) return { kind: "tuple", items };
    items.push(type(lexer));
    skipTo(lexer, "");
    lexer.takes(",");
  }
}

/** Skips the rest of an entry: a closing bracket of `list(…)`, the default of `optional(…)`. */
function skipTo(lexer, closer) {
  for (let depth = 0; ;) {
    const token = lexer.peek();
    if (token.kind === "end") return;
    if (!depth && closer && token.text === closer && token.kind === "mark") return;
    if (!depth && !closer && (token.kind === "line" || (token.kind === "mark" && /[,}\]]/.test(token.text)))) return;
    if (token.kind === "mark" && /[([{]/.test(token.text)) depth += 1;
    if (token.kind === "mark" && /[)\]}]/.test(token.text)) depth = Math.max(0, depth - 1);
    lexer.next();
  }
}

/** `list(string)` @param {Type} shown @returns {string} */
export function typeName(shown) {
  if (shown.of) return shown.of.kind === "any" ? shown.kind : `${shown.kind}(${typeName(shown.of)})`;
  return shown.kind;
}

// ---- declarations

/**
 * @typedef {object} Declaration
 * @property {string} name
 * @property {Type} type
 * @property {boolean} isTyped
 * @property {string|null} default as it is written; null for a variable that needs a value
 * @property {string} description
 * @property {boolean} isSensitive
 * @property {boolean} isNullable
 */

/**
 * The variables that a configuration declares. Files in folders are modules with separate variables.
 * @param {Iterable<[string, string]>} files @returns {Map<string, Declaration>}
 */
export function declarations(files) {
  const found = new Map();
  for (const [name, text] of files) {
    if (name.includes("/")) continue;
    try {
      if (/\.(tf|tofu)$/.test(name)) declared(text, found);
      else if (/\.(tf|tofu)\.json$/.test(name)) declaredInJSON(text, found);
    } catch { /* perhaps still being typed: what comes before the fault counts */ }
  }
  return found;
}

/** @returns {Declaration} */
const blank = (name) => ({ name, type: ANY, isTyped: false, default: null, description: "", isSensitive: false, isNullable: true });

function declared(text, found) {
  const lexer = new Lexer(text);
  for (;;) {
    lexer.skipLines();
    const head = lexer.next();
    if (head.kind === "end") return;
    const labels = [];
    while (["string", "word"].includes(lexer.peek().kind)) labels.push(lexer.next().text);
    if (!lexer.takes("{")) {
      skipLine(lexer);
      continue;
    }
    if (head.text === "variable" && labels.length === 1) {
      const declaration = blank(labels[0]);
      // Register it before its body is parsed, so an incomplete body still counts.
      found.set(declaration.name, declaration);
      body(lexer, declaration, text);
    } else {
      skipTo(lexer, "}");
      lexer.expect("}");
    }
  }
}

function body(lexer, declaration, text) {
  for (;;) {
    lexer.skipLines();
    if (lexer.takes("}")) return;
    const name = key(lexer);
    if (!lexer.takes("=")) { // a validation
      while (lexer.peek().kind === "string") lexer.next();
      lexer.expect("{");
      skipTo(lexer, "}");
      lexer.expect("}");
      continue;
    }
    const { at } = lexer.peek();
    const start = lexer.at;
    skipLine(lexer);
    const written = text.slice(at, lexer.at).trim();
    const end = lexer.at;
    lexer.at = start;
    set(declaration, name, written, () => parseValue(written));
    lexer.at = end;
  }
}

/** To the end of an attribute: a line's end, or the brace that closes a block on one line. */
function skipLine(lexer) {
  for (let depth = 0; ;) {
    const token = lexer.peek();
    if (token.kind === "end" || (!depth && token.kind === "line")) return;
    if (token.kind === "mark" && /[([{]/.test(token.text)) depth += 1;
    if (token.kind === "mark" && /[)\]}]/.test(token.text)) {
      if (!depth) return;
      depth -= 1;
    }
    lexer.next();
  }
}

function set(declaration, name, written, value) {
  try {
    if (name === "type") {
      declaration.type = parseType(written);
      declaration.isTyped = true;
    } else if (name === "default") declaration.default = written;
    else if (name === "description") declaration.description = String(value());
    else if (name === "sensitive") declaration.isSensitive = value() === true;
    else if (name === "nullable") declaration.isNullable = value() !== false;
  } catch { /* an expression: not known here */ }
}

function declaredInJSON(text, found) {
  const document = parseExact(text);
  const variables = document instanceof Map ? document.get("variable") : null;
  for (const block of Array.isArray(variables) ? variables : [variables]) {
    if (!(block instanceof Map)) continue;
    for (const [name, entry] of block) {
      const declaration = blank(name);
      found.set(name, declaration);
      const fields = Array.isArray(entry) ? entry[0] : entry;
      if (!(fields instanceof Map)) continue;
      for (const [field, value] of fields) {
        const written = field === "type" ? String(value) : field === "default" ? writeExact(value) : "";
        set(declaration, field, written, () => value);
      }
    }
  }
}

// ---- what can be right

const NUMERIC = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Why a value can't have a type, after Terraform's conversions; "" if it can.
 * @param {any} value @param {Type} wanted @param {string} [path] of the value, for the sentence
 * @returns {string}
 */
export function mismatch(value, wanted, path = "The value") {
  if (value === null || wanted.kind === "any") return "";
  const isList = Array.isArray(value);
  const isMap = value instanceof Map;
  const wrong = (needs) => `${path} must be ${needs}, not ${kindOf(value)}.`;
  switch (wanted.kind) {
    case "string": return isList || isMap ? wrong("text") : "";
    case "number": return value instanceof Digits || (typeof value === "string" && NUMERIC.test(value)) ? "" : wrong("a number");
    case "bool": return typeof value === "boolean" || ["true", "false", "1", "0"].includes(value) ? "" : wrong("true or false");
    case "list":
    case "set": return isList ? first(value.map((item, i) => mismatch(item, wanted.of ?? ANY, `Item ${i + 1}`))) : wrong(`a ${wanted.kind}, such as ["a", "b"]`);
    case "tuple":
      if (!isList) return wrong("a list");
      if (value.length !== wanted.items?.length) return `${path} must have ${wanted.items?.length} items, not ${value.length}.`;
      return first(value.map((item, i) => mismatch(item, wanted.items?.[i] ?? ANY, `Item ${i + 1}`)));
    case "map": return isMap ? first([...value].map(([name, item]) => mismatch(item, wanted.of ?? ANY, `"${name}"`))) : wrong('a map, such as { a = "b" }');
    case "object":
      if (!isMap) return wrong("an object");
      return first([...wanted.attributes ?? []].map(([name, attribute]) => (value.has(name) ? mismatch(value.get(name), attribute.type, `"${name}"`)
        : attribute.isOptional ? "" : `${path} needs "${name}" (${typeName(attribute.type)}).`)));
    default: return "";
  }
}

const first = (found) => found.find(Boolean) ?? "";

/** What a value is, in a word or two. @param {any} value */
export function kindOf(value) {
  if (value === null) return "null";
  if (value instanceof Digits) return "a number";
  if (value instanceof Map) return value.size === 1 ? "a map of 1" : `a map of ${value.size}`;
  if (Array.isArray(value)) return value.length === 1 ? "a list of 1" : `a list of ${value.length}`;
  return typeof value === "boolean" ? "true or false" : "text";
}
