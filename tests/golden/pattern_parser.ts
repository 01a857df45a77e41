/**
 * The notation of patterns: JSON whose names need no quotes, with placeholders, comments behind `#` and
 * commas that may be left over. See README.md.
 */
import { type Hole, HOLES, type ObjectPattern, type Pattern, type TextPart } from "./pattern.ts";

const NAME = /[A-Za-z_]\w*/y;
const NUMBER = /-?\d+(?:\.\d+)?/y;
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const REGEX = /\/(?:[^/\\\n]|\\.)+\//y;
const HOLE = /<([a-z]+)(?::(\w+))?>/y;
/** `<5*x>`: a letter so many times. */
const REPEAT = /<(\d+)\*(.)>/y;

/** Reads one pattern after the other out of a text. */
export class PatternReader {
  #at = 0;

  constructor(private readonly text: string) {}

  /** True when only blanks and comments are left. */
  get done(): boolean {
    this.#skip();
    return this.#at >= this.text.length;
  }

  /**
   * The next pattern.
   *
   * @throws {SyntaxError} With the place in the text.
   */
  next(): Pattern {
    this.#skip();
    switch (this.text[this.#at]) {
      case "{":
        return this.#object();
      case "[":
        return this.#list();
      case '"':
        return { kind: "text", parts: textParts(this.#string()) };
      case "/":
        return this.#regex();
      case "<":
        return this.#hole();
    }
    const number = this.#take(NUMBER);
    if (number !== null) return { kind: "plain", value: Number(number) };
    return this.#word(this.#take(NAME) ?? "");
  }

  #word(word: string): Pattern {
    switch (word) {
      case "true":
      case "false":
        return { kind: "plain", value: word === "true" };
      case "null":
        return { kind: "plain", value: null };
      case "json":
        return { kind: "json", of: this.next() };
      case "message":
        return messageOf(this.next());
      default:
        throw this.#wrong("a value");
    }
  }

  #object(): ObjectPattern {
    this.#at++;
    const members: Record<string, Pattern> = {};
    let open = false;
    while (!this.#closes("}")) {
      if (this.text.startsWith("...", this.#at)) {
        this.#at += 3;
        open = true;
      } else {
        const name = this.text[this.#at] === '"' ? this.#string() : this.#take(NAME);
        if (name === null) throw this.#wrong("a name");
        if (Object.hasOwn(members, name)) throw this.#wrong(`"${name}" once`);
        this.#expect(":");
        members[name] = this.next();
      }
      this.#comma("}");
    }
    return { kind: "object", members, open };
  }

  #list(): Pattern {
    this.#at++;
    const items: Pattern[] = [];
    while (!this.#closes("]")) {
      items.push(this.next());
      this.#comma("]");
    }
    return { kind: "list", items };
  }

  #string(): string {
    const found = this.#take(STRING);
    if (found === null) throw this.#wrong("the end of a text");
    return JSON.parse(found) as string;
  }

  #regex(): Pattern {
    const found = this.#take(REGEX);
    if (found === null) throw this.#wrong("the end of an expression");
    return { kind: "regex", regex: new RegExp(found.slice(1, -1)) };
  }

  #hole(): Hole {
    const found = this.#take(HOLE);
    const hole = found === null ? null : holeOf(found);
    if (hole === null) throw this.#wrong("a placeholder");
    return hole;
  }

  #closes(end: string): boolean {
    this.#skip();
    if (this.text[this.#at] !== end) return false;
    this.#at++;
    return true;
  }

  #comma(end: string): void {
    this.#skip();
    if (this.text[this.#at] === ",") this.#at++;
    else if (this.text[this.#at] !== end) throw this.#wrong(`"," or "${end}"`);
  }

  #expect(letter: string): void {
    this.#skip();
    if (this.text[this.#at] !== letter) throw this.#wrong(`"${letter}"`);
    this.#at++;
  }

  #skip(): void {
    const blank = /(?:\s|#[^\n]*)*/y;
    blank.lastIndex = this.#at;
    this.#at += blank.exec(this.text)?.[0].length ?? 0;
  }

  #take(shape: RegExp): string | null {
    shape.lastIndex = this.#at;
    const found = shape.exec(this.text)?.[0] ?? null;
    this.#at += found?.length ?? 0;
    return found;
  }

  #wrong(wanted: string): SyntaxError {
    const rest = this.text.slice(this.#at, this.#at + 40);
    return new SyntaxError(`Wanted ${wanted}, got "${rest}"`);
  }
}

/** `message "…"`: the list with the one message a completed response has. */
function messageOf(text: Pattern): Pattern {
  const plain = (value: string): Pattern => ({ kind: "text", parts: [value] });
  const object = (members: Record<string, Pattern>): Pattern => ({
    kind: "object",
    members,
    open: false,
  });
  const content = object({
    type: plain("output_text"),
    text,
    annotations: { kind: "list", items: [] },
  });
  const message = object({
    type: plain("message"),
    id: { kind: "hole", name: "msg", key: "" },
    status: plain("completed"),
    role: plain("assistant"),
    content: { kind: "list", items: [content] },
  });
  return { kind: "list", items: [message] };
}

/** A text with its placeholders found; what only looks like one stays text. */
function textParts(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let plain = "";
  for (let at = 0; at < text.length;) {
    const found = text[at] === "<" ? partAt(text, at) : null;
    if (found === null) plain += text[at++];
    else {
      at += found.length;
      if (typeof found.part === "string") plain += found.part;
      else {
        parts.push(plain, found.part);
        plain = "";
      }
    }
  }
  parts.push(plain);
  return parts.filter((part) => part !== "");
}

function partAt(text: string, at: number): { part: TextPart; length: number } | null {
  REPEAT.lastIndex = at;
  const repeat = REPEAT.exec(text);
  if (repeat) {
    return { part: (repeat[2] ?? "").repeat(Number(repeat[1])), length: repeat[0].length };
  }
  HOLE.lastIndex = at;
  const found = HOLE.exec(text)?.[0];
  const hole = found === undefined ? null : holeOf(found);
  return found === undefined || hole === null ? null : { part: hole, length: found.length };
}

function holeOf(text: string): Hole | null {
  const [, name = "", key = ""] = new RegExp(`^${HOLE.source}$`).exec(text) ?? [];
  return HOLES.has(name) ? { kind: "hole", name, key } : null;
}
