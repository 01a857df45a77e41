import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { executeRequest } from "../../protocol/mod.ts";
import { buildPrompt } from "./prompt.ts";

function prompt(value: unknown, more: Record<string, unknown> = {}, commands: string[] = []) {
  const request = executeRequest.parse({ task_id: 1, subtask_id: 2, prompt: value, ...more });
  return buildPrompt(request, "/w", commands);
}

Deno.test("buildPrompt() adds where the agent works", () => {
  assertEquals(prompt("hi"), "hi\nCurrent working directory: /w");
  assertEquals(
    prompt("hi", { git_url: "https://g/x.git" }),
    "hi\nCurrent working directory: /w\n project url:https://g/x.git",
  );
});

Deno.test("buildPrompt() makes a command only of one that is known", () => {
  assertEquals(prompt("/compact keep names"), "/compact keep names");
  assertEquals(prompt("/etc/passwd?"), " /etc/passwd?\nCurrent working directory: /w");
  assertEquals(prompt("/foo bar"), " /foo bar\nCurrent working directory: /w");
  assertEquals(prompt("/foo bar", {}, ["foo"]), "/foo bar");
});

Deno.test("buildPrompt() converts blocks and images", () => {
  assertEquals(
    prompt([
      { type: "input_text", text: " " },
      { type: "input_text", text: "/look" },
      { type: "input_image", image_url: "data:image/jpeg;base64,AAAA" },
      { type: "input_image", image_url: { url: "data:;base64,BBBB" } },
      { type: "input_image", image_url: "https://x/y.png" },
      { type: "document", source: { type: "text" } },
    ]),
    [
      { type: "text", text: " /look\nCurrent working directory: /w" },
      { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AAAA" } },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "BBBB" } },
      { type: "document", source: { type: "text" } },
    ],
  );
  assertEquals(prompt([]), [{ type: "text", text: "Current working directory: /w" }]);
});

Deno.test("buildPrompt() puts knowledge and chosen skills before the message", () => {
  const more = {
    kb_meta_prompt: "kb 7: manuals",
    user_selected_skills: ["pdf", { name: "wegent-knowledge" }],
  };
  const text = String(prompt("/what is it?", more));
  const order = [
    "<knowledge_base_context>\nkb 7: manuals",
    "- pdf",
    "primary source",
    "/what is it?",
  ];
  const places = order.map((part) => text.indexOf(part));
  assertEquals(places.toSorted((a, b) => a - b), places);
  assert(places.every((place) => place >= 0), text);
  assert(!String(prompt("x", { ...more, task_mode: "Code" })).includes("kb 7"));
  assert(String(prompt("x", { ...more, is_user_selected_kb: false })).includes("candidates"));
  const [block] = prompt([{ type: "input_text", text: "look" }], more) as { text: string }[];
  assert(block?.text.includes("- pdf") && block.text.includes("look\nCurrent working directory"));
});
