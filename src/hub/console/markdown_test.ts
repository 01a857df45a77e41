import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { type Inline, inlines, segments } from "./markdown.ts";

Deno.test("segments() finds code, headings, lists, tables, quotes, rules and paragraphs", () => {
  const text =
    "# Title\n\npara one\nline two\n\n- a\n- b\n  more\n\n3. c\n\n```ts\nconst x = 1;\n\n# no\n```\n> q\n\n---\n| a | b |\n|---|---|\n| 1 | 2 |";
  assertEquals(segments(text), [
    { kind: "heading", level: 1, text: "Title" },
    { kind: "paragraph", text: "para one\nline two" },
    { kind: "list", ordered: false, start: 1, items: ["a", "b\nmore"] },
    { kind: "list", ordered: true, start: 3, items: ["c"] },
    { kind: "code", language: "ts", text: "const x = 1;\n\n# no", closed: true },
    { kind: "quote", text: "q" },
    { kind: "rule" },
    { kind: "table", head: ["a", "b"], rows: [["1", "2"]] },
  ]);
});

Deno.test("segments() shows code that is still streaming as code", () => {
  assertEquals(segments("```sh\nls"), [
    { kind: "code", language: "sh", text: "ls", closed: false },
  ]);
});

Deno.test("segments() ends for every beginning of a text and loses no word", () => {
  const text = "a\n1) x\n\n   - y\n* * *\n\t- z\n~~~\n| a\n|--|\n> \n#\n-\n`c`\n  ";
  for (let end = 0; end <= text.length; end++) {
    const found = JSON.stringify(segments(text.slice(0, end)));
    for (const word of text.slice(0, end).match(/[a-z]/g) ?? []) assert(found.includes(word));
  }
});

const plain = (parts: Inline[]): string =>
  parts.map((p) => "children" in p ? plain(p.children) : p.text).join("");

Deno.test("inlines() styles and keeps the words", () => {
  assertEquals(inlines("a **b** `c` *d*"), [
    { kind: "text", text: "a " },
    { kind: "strong", children: [{ kind: "text", text: "b" }] },
    { kind: "text", text: " " },
    { kind: "code", text: "c" },
    { kind: "text", text: " " },
    { kind: "em", children: [{ kind: "text", text: "d" }] },
  ]);
  assertEquals(plain(inlines("**open `tick and [half](x")), "**open `tick and [half](x");
  assertEquals(inlines("snake_case_name"), [{ kind: "text", text: "snake_case_name" }]);
});

Deno.test("inlines() makes links of web addresses only", () => {
  const kinds = (text: string) => inlines(text).map((p) => p.kind);
  assertEquals(kinds("[a](https://example.org)"), ["link"]);
  assertEquals(kinds("see https://example.org/x."), ["text", "link", "text"]);
  for (
    const evil of ["javascript:alert(1)", "data:text/html,x", "vbscript:x", "//host", "file:///x"]
  ) {
    assertEquals(kinds(`[a](${evil})`).includes("link"), false, evil);
  }
});

Deno.test("markdown of a hostile form takes no longer than its length", () => {
  for (const piece of ["**a", "[a](", "`", "_a", "~~", "> ", "| ", "- \n", "*a_b`"]) {
    const text = piece.repeat(8000 / piece.length);
    const started = performance.now();
    for (const segment of segments(text)) if ("text" in segment) inlines(segment.text);
    const ms = performance.now() - started;
    assert(ms < 1000, `${JSON.stringify(piece)} took ${ms} ms`);
  }
});
