import { assertEquals } from "../../../tests/support/assert.ts";
import type { QuestionView } from "../../protocol/mod.ts";
import { inputParts, outcomeText, questionTitle, ruleText } from "./question_text.ts";

const question: QuestionView = {
  request_id: "q",
  kind: "permission",
  input: {},
  truncated: false,
  reason: null,
  rule: null,
  questions: [],
  outcome: "open",
  message: null,
  answers: [],
};

Deno.test("questionTitle() names what is asked for", () => {
  assertEquals(questionTitle("Bash"), "Run this command?");
  assertEquals(
    questionTitle("mcp__git_hub__create_issue"),
    "Use “create_issue” of the server “git_hub”?",
  );
  assertEquals(questionTitle("Odd"), "Use Odd?");
});

Deno.test("inputParts() puts what matters first and hides nothing", () => {
  assertEquals(
    inputParts({ timeout: 5, description: "harmless", command: "ls \u202e/ fr- mr\u200b\r" }),
    [
      { label: "Command", text: "ls ‹U+202E›/ fr- mr‹U+200B›‹U+000D›" },
      { label: "The agent says", text: "harmless" },
      { label: "timeout", text: "5" },
    ],
  );
  assertEquals(inputParts({ command: "a\n\tb — 😀" })[0]?.text, "a\n\tb — 😀");
  const long = inputParts({ content: "x".repeat(30_000) })[0]!.text;
  assertEquals(long.endsWith("… (10000 more characters)"), true);
});

Deno.test("ruleText() and outcomeText() say what an answer covers", () => {
  assertEquals(ruleText({ tool: "Bash", match: "make" }), "exactly this command");
  assertEquals(ruleText({ tool: "Read", match: "/etc" }), "reading files in /etc");
  assertEquals(ruleText({ tool: "mcp__a__b", match: null }), "every use of mcp__a__b");
  assertEquals(
    outcomeText({ ...question, outcome: "denied", message: "too risky" }),
    "You did not allow this: too risky",
  );
  assertEquals(
    outcomeText({
      ...question,
      kind: "form",
      outcome: "answered",
      questions: [
        { question: "Which one?", header: "", multiple: true, options: [] },
        { question: "What else?", header: "Else", multiple: false, options: [] },
      ],
      answers: [["A", "B"]],
    }),
    "Which one?: A, B · Else: –",
  );
});
