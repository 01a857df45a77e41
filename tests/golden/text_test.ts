/** Text, reasoning, images, compaction: what a backend receives while an agent talks. */
import { assert, assertEquals } from "../support/assert.ts";
import { callTool, say, script as claude } from "../support/model.ts";
import { script as codex } from "../support/responses_model.ts";
import { type LiveTurn, Stage } from "./stage.ts";

/** One red pixel. */
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const BYTES = Uint8Array.from(atob(PIXEL), (letter) => letter.charCodeAt(0));

const stage = new Stage({
  stub: {
    http: (path, { authorization }) =>
      path === "/api/attachments/31/executor-download" && authorization === "Bearer task-token"
        ? { status: 200, body: BYTES }
        : null,
  },
});

const TEXT = "Grüße 😀 aus dem Modell, in Stücken 🎈.";

stage.test("text comes in pieces whose offsets count UTF-16 units", {
  golden: "claude/text",
  prompt: claude(say(TEXT, { chunks: 7, gapMs: 20 })),
});
stage.test("text comes in pieces whose offsets count UTF-16 units", {
  golden: "codex/text",
  prompt: codex({ text: TEXT, phase: "final_answer", chunkSize: 6, gapMs: 20 }),
});

stage.test("thinking is reasoning, apart from the text", {
  golden: "claude/thinking",
  prompt: claude({ thinking: "Let me think about it. 🤔", text: "Answer." }),
});
stage.test("reasoning is shown, its parts with a blank line between them", {
  golden: "codex/thinking",
  prompt: codex({ thinking: ["Let me think.", "About it. 🤔"], text: "Answer." }),
});
stage.test("thinking goes on between tools", {
  golden: "claude/thinking_and_tool",
  prompt: claude(
    { thinking: "First.", ...callTool("Bash", { command: "echo hi" }) },
    { thinking: "Second.", text: "Answer." },
  ),
});

stage.test("what is said while working is a block that grows beside the answer", {
  golden: "codex/commentary",
  prompt: codex({
    messages: [
      { text: "Looking around.", phase: "commentary" },
      { text: "It is done.", phase: "final_answer" },
    ],
    chunkSize: 4,
    gapMs: 20,
  }),
});
stage.test("a second message follows after a blank line, and both are the answer", {
  golden: "codex/two_messages",
  prompt: codex({ messages: [{ text: "One." }, { text: "Two.", phase: "final_answer" }] }),
});

stage.test("an answer without any text is stored as words that say so", {
  golden: "claude/no_text",
  prompt: claude({}),
});
stage.test("an answer without any text stays empty", {
  golden: "codex/no_text",
  prompt: codex({}),
});
stage.test("an end without text does not hide what was said before", {
  golden: "claude/text_then_nothing",
  prompt: claude({ text: "All I say.", ...callTool("Bash", { command: "echo hi" }) }, {}),
});

const withImage = (script: string) => [
  { type: "input_text", text: "What is it?" },
  { type: "input_image", image_url: `data:image/png;base64,${PIXEL}` },
  { type: "input_text", text: script },
];
const attached = {
  attachments: [{
    id: 31,
    original_filename: "dot.png",
    mime_type: "image/png",
    file_size: BYTES.length,
    subtask_id: 77,
  }],
};

stage.test("an image in the prompt reaches the model and changes no event", {
  golden: "claude/image",
  prompt: withImage(claude(say("A dot."))),
  check: (turn) => assertEquals(imagesSeen(turn), [`image/png ${PIXEL}`]),
});
stage.test("an image in the prompt reaches the model and changes no event", {
  golden: "codex/image",
  prompt: withImage(codex({ text: "A dot." })),
  check: (turn) => assertEquals(imagesSeen(turn), [`image/png ${PIXEL}`]),
});
stage.test("an attached image is fetched and reaches the model", {
  golden: "claude/attachment",
  prompt: `What is [attachment:31]? ${claude(say("A dot."))}`,
  fields: attached,
  check: (turn) => {
    assertEquals(imagesSeen(turn), [`image/png ${PIXEL}`]);
    assert(personText(turn).includes("/77/dot.png"), personText(turn));
  },
});
stage.test("an attached image is fetched and reaches the model", {
  golden: "codex/attachment",
  prompt: `What is [attachment:31]? ${codex({ text: "A dot." })}`,
  fields: attached,
  check: (turn) => {
    assertEquals(imagesSeen(turn), [`image/png ${PIXEL}`]);
    assert(personText(turn).includes("/77/dot.png"), personText(turn));
  },
});

stage.test(
  "a conversation is summarised when the person asks for it",
  { golden: "claude/before_compact", prompt: claude(say("First.")) },
  { golden: "claude/before_compact", prompt: claude(say("First.")) },
  { golden: "claude/compact", prompt: "/compact" },
  { golden: "claude/after_compact", prompt: claude(say("Still here.")) },
);
stage.test(
  "a conversation that has grown too long is summarised in the turn",
  { golden: "claude/before_compact", prompt: claude(say("First.")) },
  { golden: "claude/before_compact", prompt: claude(say("First.")) },
  {
    golden: "claude/compact_in_turn",
    prompt: claude(say("Still here.", {
      attempts: [
        { status: 400, message: "prompt is too long: 300000 tokens > 200000 maximum" },
        { text: "Still here." },
      ],
    })),
  },
);
stage.test(
  "a conversation that has grown too long is summarised at the next message",
  {
    golden: "codex/too_long",
    prompt: codex({
      text: "x",
      attempts: [{ failAfter: 0, error: "context_length_exceeded" }, { text: "A summary." }],
    }),
  },
  { golden: "codex/compact", prompt: codex({ text: "Still here.", phase: "final_answer" }) },
);
stage.close();

/** Images the agent's model was sent with the turn's prompt, as type and base64. */
function imagesSeen({ cast, agent, request }: LiveTurn): string[] {
  const script = JSON.stringify(request["prompt"]).match(/%%.*%%/)?.[0] ?? "no script";
  const bodies = agent === "claude" ? cast.model.scripted() : cast.responses.scripted;
  const body = bodies.findLast(({ body }) => JSON.stringify(body).includes(script))?.body;
  const text = JSON.stringify(body) ?? "";
  const [claudes, codexs] = [
    /"media_type":"([^"]+)","data":"([^"]+)"|"data":"([^"]+)","media_type":"([^"]+)"/g,
    /data:([\w/]+);base64,([\w+/=]+)/g,
  ];
  return agent === "claude"
    ? [...text.matchAll(claudes)].map(([, a, b, c, d]) => `${a ?? d} ${b ?? c}`)
    : [...text.matchAll(codexs)].map(([, type, data]) => `${type} ${data}`);
}

/** What the model was last told by the person. */
function personText({ cast, agent }: LiveTurn): string {
  const log = agent === "claude" ? cast.model.scripted() : cast.responses.scripted;
  return log.at(-1)?.prompt ?? "";
}
