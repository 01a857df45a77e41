import { assert, assertEquals } from "../../tests/support/assert.ts";
import { MAX_FRAME_UNITS } from "./limits.ts";
import { cutText, splitText } from "./frame_text.ts";
import { newResponseId, ResponseBuilder, TERMINAL_EVENTS } from "./response.ts";

const RUN = {
  task_id: 9001,
  subtask_id: 70012,
  response_id: "resp_0123456789abcdef01234567",
  created_at: 1767600000,
};

// The expected shapes are written from the protocol's description of a plain turn and a tool turn.

Deno.test("ResponseBuilder writes a plain turn in the shapes of the protocol", () => {
  const b = new ResponseBuilder(RUN);
  assertEquals(b.inProgress(), [{
    event: "response.in_progress",
    data: {
      type: "response.in_progress",
      response: {
        id: RUN.response_id,
        object: "response",
        created_at: 1767600000,
        model: "",
        status: "in_progress",
        output: [],
      },
    },
  }]);
  assertEquals(b.text("Hello")[0]?.data, {
    type: "response.output_text.delta",
    item_id: "msg_70012",
    output_index: 0,
    content_index: 0,
    delta: "Hello",
    offset: 0,
  });
  assertEquals(b.text(" world")[0]?.data["offset"], 5);
  assertEquals(
    b.completed({ text: "Hello world", usage: { input_tokens: 1 } })[0]?.data,
    {
      type: "response.completed",
      response: {
        id: RUN.response_id,
        object: "response",
        created_at: 1767600000,
        model: "",
        status: "completed",
        output: [{
          type: "message",
          id: "msg_70012",
          status: "completed",
          role: "assistant",
          content: [{
            type: "output_text",
            text: "Hello world",
            annotations: [],
          }],
        }],
        usage: { input_tokens: 1 },
        stop_reason: "end_turn",
      },
    },
  );
});

Deno.test("ResponseBuilder numbers tools from 1 and advances when one has ended", () => {
  const b = new ResponseBuilder(RUN);
  assertEquals(b.toolStarted("toolu_1", "Bash")[0]?.data, {
    type: "response.output_item.added",
    response_id: RUN.response_id,
    output_index: 1,
    item: {
      type: "function_call",
      id: "toolu_1",
      call_id: "toolu_1",
      name: "Bash",
      arguments: "",
    },
    argument_status: "streaming",
    arguments_summary: {},
  });
  const ended = b.toolEnded(
    "toolu_1",
    "Bash",
    { command: "ls" },
    "a.txt\n",
    true,
  );
  assertEquals(ended.map((e) => e.event), [
    "response.function_call_arguments.done",
    "response.output_item.done",
  ]);
  assertEquals(ended[1]?.data["item"], {
    type: "function_call",
    id: "toolu_1",
    call_id: "toolu_1",
    name: "Bash",
    arguments: '{"command":"ls"}',
    status: "failed",
    output: "a.txt\n",
  });
  assertEquals(b.toolStarted("toolu_2", "Bash")[0]?.data["output_index"], 2);
});

Deno.test("ResponseBuilder tells a call whose arguments are whole without saying that they stream", () => {
  const b = new ResponseBuilder(RUN);
  const args = { command: "ls" };
  const place = { response_id: RUN.response_id, output_index: 1 };
  const [added, ...rest] = b.toolCalled("t1", "bash", args, "Shell").map(({ data }) => data);
  assertEquals(added, {
    type: "response.output_item.added",
    ...place,
    item: { type: "function_call", id: "t1", call_id: "t1", name: "bash", arguments: "" },
    display_name: "Shell",
  });
  const json = JSON.stringify(args);
  const of = { ...place, item_id: "t1", arguments_summary: args };
  assertEquals(rest, [
    { type: "response.function_call_arguments.delta", ...of, delta: json },
    { type: "response.function_call_arguments.done", ...of, arguments: json },
  ]);
  assert(!("display_name" in (b.toolCalled("t2", "bash", {})[0]?.data ?? {})));
});

Deno.test("ResponseBuilder writes blocks in the shapes of the protocol", () => {
  const b = new ResponseBuilder(RUN);
  assertEquals(b.blockStarted("codex-commentary-0a1b2c3d4e5f", 1767600000123), [{
    event: "response.block.created",
    data: {
      type: "response.block.created",
      response_id: RUN.response_id,
      item_id: "msg_70012",
      block: {
        id: "codex-commentary-0a1b2c3d4e5f",
        type: "text",
        content: "",
        status: "streaming",
        timestamp: 1767600000123,
      },
    },
  }]);
  assertEquals(b.blockUpdated("codex-commentary-0a1b2c3d4e5f", "Looking", true), [{
    event: "response.block.updated",
    data: {
      type: "response.block.updated",
      response_id: RUN.response_id,
      item_id: "msg_70012",
      block_id: "codex-commentary-0a1b2c3d4e5f",
      updates: { content: "Looking", status: "done" },
    },
  }]);
  const [long] = b.blockUpdated("b", "\u0001".repeat(2_000_000), false);
  assert(JSON.stringify(long).length < MAX_FRAME_UNITS);
  b.incomplete();
  assertEquals([b.blockStarted("x", 0), b.blockUpdated("x", "y", true)], [[], []]);
});

Deno.test("ResponseBuilder lets nothing follow the terminal event", () => {
  for (const end of ["completed", "incomplete", "error"] as const) {
    const b = new ResponseBuilder(RUN);
    const first = end === "completed"
      ? b.completed({ text: "x" })
      : end === "error"
      ? b.error("x")
      : b.incomplete();
    assertEquals(first.length, 1);
    assert(TERMINAL_EVENTS.has(first[0]!.event));
    const later = [
      ...b.inProgress(),
      ...b.text("x"),
      ...b.reasoning("x"),
      ...b.toolStarted("t", "n"),
      ...b.toolArgumentsDelta("t", "{}"),
      ...b.toolArguments("t", {}),
      ...b.toolEnded("t", "n", {}, "", false),
      ...b.completed({ text: "y" }),
      ...b.incomplete(),
      ...b.error("y"),
    ];
    assertEquals(later, []);
  }
});

Deno.test("ResponseBuilder goes on where another process left off", () => {
  const first = new ResponseBuilder(RUN);
  first.text("abc");
  first.toolEnded("t", "n", {}, "", false);
  const second = new ResponseBuilder(RUN, first.state);
  assertEquals(second.text("d")[0]?.data["offset"], 3);
  assertEquals(second.toolStarted("u", "n")[0]?.data["output_index"], 2);
});

Deno.test("every event fits a frame, however large its parts and however they are escaped", () => {
  for (const filler of ["a", "\u0001", "😀", '"']) {
    const huge = filler.repeat(3_000_000 / filler.length);
    const b = new ResponseBuilder(RUN);
    const events = [
      ...b.text(huge),
      ...b.reasoning(huge),
      ...b.toolStarted("t", "n"),
      ...b.toolArgumentsDelta("t", huge, { huge }),
      ...b.toolArguments("t", { huge }),
      ...b.toolEnded("t", "n", { huge }, huge, false),
      ...b.completed({ text: huge }),
    ];
    for (const event of events) {
      const length = JSON.stringify(event).length;
      assert(
        length < MAX_FRAME_UNITS,
        `${event.event} of ${JSON.stringify(filler)} has ${length} units`,
      );
    }
  }
});

Deno.test("text() of any length keeps every character and its offset", () => {
  const text = "😀a".repeat(300_000);
  const deltas = new ResponseBuilder(RUN).text(text).map((e) => e.data);
  assertEquals(deltas.map((d) => d["delta"]).join(""), text);
  let offset = 0;
  for (const d of deltas) {
    assertEquals(d["offset"], offset);
    offset += (d["delta"] as string).length;
  }
});

Deno.test("splitText() never parts a surrogate pair", () => {
  assertEquals(splitText("a😀", 2), ["a", "😀"]);
  assertEquals(splitText("", 2), []);
});

Deno.test("cutText() says how much is missing", () => {
  assertEquals(cutText("abc", 10), "abc");
  assertEquals(cutText("abcdef", 4), "abcd\n… (2 more characters left out)");
});

Deno.test("newResponseId() is resp_ and 24 hex digits", () => {
  assert(/^resp_[0-9a-f]{24}$/.test(newResponseId()));
});

Deno.test("ResponseBuilder ends what is open before a run that does not complete", () => {
  const b = new ResponseBuilder(RUN);
  b.toolStarted("t1", "Bash");
  b.toolArguments("t1", { command: "sleep 9" });
  b.toolCalled("t2", "Read", { file_path: "/x" });
  b.toolEnded("t2", "Read", { file_path: "/x" }, "read", false);
  b.toolStarted("t3", "Write");
  // Another process goes on with it.
  const next = new ResponseBuilder(RUN, b.state);
  const events = next.error("gone");
  assertEquals(events.map(({ event, data }) => [event, data["output_index"]]), [
    ["response.function_call_arguments.done", 2],
    ["response.output_item.done", 2],
    ["response.function_call_arguments.done", 3],
    ["response.output_item.done", 3],
    ["error", undefined],
  ]);
  assertEquals(events[1]?.data["item"], {
    type: "function_call",
    id: "t1",
    call_id: "t1",
    name: "Bash",
    arguments: '{"command":"sleep 9"}',
    status: "failed",
    output: "The turn was ended first",
  });
  assertEquals((events[3]?.data["item"] as Record<string, unknown>)["arguments"], "{}");
  assertEquals(b.incomplete().length, 5);
  const fine = new ResponseBuilder(RUN, { ...next.state, terminal: false });
  assertEquals(fine.completed({ text: "" }).length, 1);
});
