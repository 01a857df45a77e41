/** Golden files: the events of a turn as a backend must receive them, one after the other; see README.md. */
import { complete, type ObjectPattern, type Pattern } from "./pattern.ts";
import { PatternReader } from "./pattern_parser.ts";

/** An event that must come, or a run of pieces of one text. */
export interface Expected {
  readonly name: string;
  /** Events of several lanes that follow each other may mix, each lane in its own order. */
  readonly lane: string | null;
  /** Line of the file, from 1. */
  readonly line: number;
  /** The line as it is written. */
  readonly source: string;
  /** Every member of the event's data but `type`. */
  readonly data: ObjectPattern;
  /** Of a run: what its pieces come to, and how many there are at least. */
  readonly run: { readonly text: Pattern; readonly least: number } | null;
}

/** Names of events whose pieces may be written as a run. */
export const RUNS: ReadonlySet<string> = new Set([
  "response.output_text.delta",
  "response.reasoning_summary_text.delta",
  "response.function_call_arguments.delta",
  "response.block.updated",
]);

const PLACE = `response_id: <resp>, output_index: <int>`;
const TEXT = `item_id: <msg>, output_index: 0, content_index: 0`;
const RESPONSE = `id: <resp>, object: "response"`;
const STARTED = `${RESPONSE}, created_at: <created>, model: ""`;

/**
 * Members the wire fixes for an event, so that a golden file need not repeat them. `output_index` of
 * tools, `offset` and `delta` are also checked by rules.ts.
 */
const IMPLIED: readonly (readonly [pattern: RegExp, members: string])[] = [
  [/^response\.in_progress$/, `{response: {${STARTED}, status: "in_progress", output: []}}`],
  [/^response\.output_text\.delta$/, `{${TEXT}, delta: <text>, offset: <int>}`],
  [/^response\.reasoning_summary_text\.delta$/, `{${TEXT}, delta: <text>}`],
  [/^response\.(output_item|function_call_arguments|mcp_call)/, `{${PLACE}}`],
  [/^response\.function_call_arguments\.delta$/, `{delta: <text>}`],
  [/^response\.block\./, `{response_id: <resp>, item_id: <msg>}`],
  [/^response\.completed$/, `{response: {${STARTED}, status: "completed"}}`],
  [/^response\.incomplete$/, `{response: {${RESPONSE}, status: "incomplete", output: []}}`],
];

/**
 * Reads a golden file.
 *
 * @throws {SyntaxError} With the line.
 */
export function parseGolden(text: string): Expected[] {
  const expected = blocks(text).map(({ line, source }) => {
    try {
      return readBlock(source, line);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new SyntaxError(`Line ${line}: ${error.message}`);
    }
  });
  for (const [n, { name, run, line }] of expected.entries()) {
    const next = expected[n + 1];
    // Nobody could say where the first one ends.
    if (run && next?.name === name && /text\.delta$/.test(name)) {
      throw new SyntaxError(`Line ${line}: two runs of ${name} follow each other`);
    }
  }
  return expected;
}

/** Events with the lines that go on with them, which are indented. */
function blocks(text: string): { line: number; source: string }[] {
  const found: { line: number; source: string }[] = [];
  for (const [n, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const last = found.at(-1);
    if (!/^\s|^}/.test(line)) found.push({ line: n + 1, source: line });
    else if (last) last.source += `\n${line}`;
    else throw new SyntaxError(`Line ${n + 1}: Wanted an event, got an indented line`);
  }
  return found;
}

function readBlock(source: string, line: number): Expected {
  const [, lane = null, name = "", plus = "", rest = ""] =
    /^(?:([a-z])\| )?([a-z_.]+)(\+{0,2})(?=\s|$)([\s\S]*)$/.exec(source) ?? [];
  if (name === "") throw new SyntaxError(`Wanted an event, got "${source.slice(0, 40)}"`);
  if (plus !== "" && !RUNS.has(name)) throw new SyntaxError(`"${name}" has no runs`);
  if (plus !== "" && lane !== null) throw new SyntaxError("Runs cannot mix with other lanes");
  const reader = new PatternReader(rest);
  const patterns: Pattern[] = [];
  while (!reader.done) patterns.push(reader.next());
  const own = patterns[0]?.kind === "object" ? patterns.shift() as ObjectPattern : EMPTY;
  const text = plus === "" ? null : patterns.shift();
  if (text === undefined) throw new SyntaxError("A run wants the text its pieces come to");
  if (patterns.length > 0) throw new SyntaxError("There is more than one event says");
  const data = IMPLIED.filter(([names]) => names.test(name))
    .reduce((sum, [, members]) => complete(sum, read(members)), own);
  return { name, lane, line, source, data, run: text && { text, least: plus.length } };
}

const EMPTY: ObjectPattern = { kind: "object", members: {}, open: false };

function read(text: string): ObjectPattern {
  return new PatternReader(text).next() as ObjectPattern;
}
