/** The notation of golden files. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { parseGolden } from "./golden_file.ts";
import { type Bindings, match } from "./pattern.ts";
import { PatternReader } from "./pattern_parser.ts";

/** True when `value` fits what is written. */
function fits(text: string, value: unknown, constants: Bindings["constants"] = {}): boolean {
  return match(new PatternReader(text).next(), value, { constants, bound: new Map() }) === null;
}

const VALUES: readonly [pattern: string, fitting: unknown, other: unknown][] = [
  ["1", 1, "1"],
  ["-2.5", -2.5, 2.5],
  ["null", null, undefined],
  ["true", true, false],
  ['"a\\n"', "a\n", "a"],
  ["<int>", 3, -1],
  ["<text>", "x", ""],
  ["<resp>", "resp_0123456789abcdef01234567", "resp_1"],
  ["<id:1>", "toolu_1", " "],
  ['"<workdir>/a.txt"', "/w/a.txt", "/v/a.txt"],
  ['"<int> of <int>"', "1 of 22", "1 of x"],
  ['"a<4*x>b"', "axxxxb", "axxxb"],
  ['"<60000*x><int>y"', `${"x".repeat(60_000)}12y`, `${"x".repeat(59_999)}12y`],
  ['"ab<text>ba"', "abxba", "aba"],
  ['"a <unknown> b"', "a <unknown> b", "a x b"],
  ['"<text>."', "a.b.", "a.b"],
  ["/^a+$/", "aa", "ab"],
  ["[1, <int>]", [1, 2], [1, 2, 3]],
  ["{a: 1}", { a: 1 }, { a: 1, b: 2 }],
  ["{a: 1, ...}", { a: 1, b: 2 }, { b: 2 }],
  ['{"a-b": 1,} # so', { "a-b": 1 }, {}],
  ["json {a: [1]}", '{"a":[1]}', '{"a":[2]}'],
  ["json {a: 1}", '{ "a": 1 }', "{"],
];
for (const [pattern, fitting, other] of VALUES) {
  Deno.test(`match() takes what is ${pattern}, and nothing else`, () => {
    const constants = { workdir: "/w" };
    assert(fits(pattern, fitting, constants), JSON.stringify(fitting));
    assert(!fits(pattern, other, constants), JSON.stringify(other));
  });
}

Deno.test("match() binds a name to one value, and no two names to the same", () => {
  const pattern = "[<id:a>, <id:b>, <id:a>]";
  assert(fits(pattern, ["x", "y", "x"]));
  assert(!fits(pattern, ["x", "y", "y"]));
  assert(!fits(pattern, ["x", "x", "x"]));
});

Deno.test("parseGolden() adds what the wire fixes, and keeps what is written", () => {
  const [added] = parseGolden("response.output_item.added {item: {...}}\n");
  assertEquals(Object.keys(added!.data.members), ["item", "response_id", "output_index"]);
  const [incomplete] = parseGolden("response.incomplete {response: {output: [1], ...}}");
  const response = incomplete!.data.members["response"];
  assert(response?.kind === "object" && response.open);
  assertEquals(
    response.members["output"]?.kind === "list" && response.members["output"].items.length,
    1,
  );
  assertEquals(response.members["status"], { kind: "text", parts: ["incomplete"] });
});

const BROKEN: readonly [text: string, words: string][] = [
  ["  indented", "Line 1: Wanted an event, got an indented line"],
  ["Response.Completed {}", "Line 1: Wanted an event"],
  ["response.completed {a 1}", 'Line 1: Wanted ":"'],
  ["response.completed {a: 1, a: 2}", '"a" once'],
  ["response.completed {a: <nothing>}", "Wanted a placeholder"],
  ["response.completed {a: 1} {b: 2}", "There is more than one event says"],
  ['response.completed+ {} "x"', '"response.completed" has no runs'],
  ["response.output_text.delta+ {}", "A run wants the text"],
  ['response.output_text.delta+ "a"\nresponse.output_text.delta+ "b"', "two runs"],
  ['# c\n\nresponse.completed {\n  a: "x', "Line 3: Wanted the end of a text"],
];
for (const [text, words] of BROKEN) {
  Deno.test(`parseGolden() refuses ${JSON.stringify(text)}`, () => {
    const error = assertThrows(() => parseGolden(text), SyntaxError);
    assertStringIncludes(error.message, words);
  });
}

Deno.test("every golden file is read, and played by a test of its agent", async () => {
  const here = new URL(".", import.meta.url);
  const tests: string[] = [];
  for await (const { name } of Deno.readDir(here)) {
    if (name.endsWith("_test.ts")) tests.push(await Deno.readTextFile(new URL(name, here)));
  }
  const unplayed: string[] = [];
  for (const agent of ["claude", "codex"]) {
    for await (const { name } of Deno.readDir(new URL(`${agent}/`, here))) {
      const golden = `${agent}/${name.replace(/\.golden$/, "")}`;
      parseGolden(await Deno.readTextFile(new URL(`${agent}/${name}`, here)));
      if (!tests.some((text) => text.includes(`golden: "${golden}"`))) unplayed.push(golden);
    }
  }
  assertEquals(unplayed, []);
});
