import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { describeFailure, describeRetry } from "./failures.ts";
import { resultMessage } from "./messages.ts";

/** What Claude Code 2.1.197 says, and what a person is told. */
const CASES: [Record<string, unknown>, string, string][] = [
  [{ result: "API Error: 400 bad thing", api_error_status: 400 }, "provider_error", "bad thing"],
  [
    { result: "Failed to authenticate. API Error: 401 no", api_error_status: 401 },
    "forbidden",
    "refused the key or login: no",
  ],
  [{ result: "Not logged in · Please run /login" }, "forbidden", "not logged in on this device"],
  [{ result: "API Error: 402 pay", api_error_status: 402 }, "quota_exceeded", "used up"],
  [{ result: "Credit balance is too low", api_error_status: 400 }, "quota_exceeded", "used up"],
  [
    { result: "There's an issue with the selected model (m).", api_error_status: 404 },
    "model_unavailable",
    "not available",
  ],
  [
    { result: "Request too large (max 32MB).", api_error_status: 413 },
    "payload_too_large",
    "too large",
  ],
  [
    { result: "API Error: Request rejected (429) · x", api_error_status: 429 },
    "rate_limit",
    "Too many requests",
  ],
  [
    { result: "API Error: 500 oops", api_error_status: 500 },
    "provider_error",
    "server failed (500)",
  ],
  [{ result: "API Error: 529 x", api_error_status: 529 }, "model_unavailable", "overloaded"],
  [{ result: "API Error: Overloaded" }, "model_unavailable", "overloaded"],
  [
    { result: "Prompt is too long · the request", api_error_status: 400 },
    "context_length_exceeded",
    "too long",
  ],
  [
    { result: "API Error: Connection to the API was lost (ECONNRESET)." },
    "network_error",
    "ECONNRESET",
  ],
  [
    { result: "API Error: Unable to connect to API (ConnectionRefused)" },
    "network_error",
    "connection to the model failed",
  ],
  [
    { result: "API Error: Unable to respond", stop_reason: "refusal" },
    "content_filter",
    "refused the request for its contents: Unable to respond",
  ],
  [
    { result: "API Error: Claude's response exceeded the 64000 output token maximum." },
    "execution_error",
    "longer than the model may write",
  ],
  [{ subtype: "error_max_turns" }, "execution_error", "number of steps"],
  [
    { subtype: "error_during_execution", errors: ["boom", 7] },
    "execution_error",
    "The agent failed: boom",
  ],
  [
    { subtype: "error_new_kind" },
    "execution_error",
    "The agent failed: Task ended: error_new_kind",
  ],
];

Deno.test("describeFailure() does not tell where the forwarder listens", () => {
  const words =
    "API Error: 500 oops. If it persists, check your inference gateway (127.0.0.1:4711).";
  const fields = { type: "result", subtype: "success", is_error: true, result: words };
  assertEquals(
    describeFailure(resultMessage.parse(fields)).message,
    "The model's server failed (500); try again in a moment: oops.",
  );
});

Deno.test("describeFailure() finds code and words for what the CLI reports", () => {
  for (const [fields, code, words] of CASES) {
    const result = resultMessage.parse({
      type: "result",
      subtype: "success",
      is_error: true,
      ...fields,
    });
    const failure = describeFailure(result);
    assertEquals(failure.code, code, JSON.stringify(fields));
    assert(failure.message.includes(words), `${failure.message} lacks ${words}`);
  }
});

Deno.test("describeRetry() names reason, pause and attempt", () => {
  const words = (status: number | null, delayMs: number | null = 2000) =>
    describeRetry({ status, attempt: 1, max: 3, delayMs });
  assertEquals(
    words(500),
    "The model's server failed (500); trying again in 2 s (attempt 1 of 3).\n",
  );
  const cases: readonly (readonly [number | null, string])[] = [
    [null, "The connection to the model failed;"],
    [401, "The model's server refused the key or login (401);"],
    [429, "The model asks for a pause (429);"],
    [502, "The model's server cannot be reached (502);"],
    [529, "The model is overloaded (529);"],
  ];
  for (const [status, start] of cases) assert(words(status).startsWith(start), words(status));
  assert(words(500, 600).includes(" in a second "), words(500, 600));
});
