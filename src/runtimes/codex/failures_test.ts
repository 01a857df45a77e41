import { assertEquals, assertMatch } from "../../../tests/support/assert.ts";
import { describeFailure, describeRetry } from "./failures.ts";

Deno.test("describeFailure() finds code and words for what Codex says", () => {
  const cases: readonly (readonly [unknown, string, string])[] = [
    ["contextWindowExceeded", "", "context_length_exceeded"],
    ["usageLimitExceeded", "", "quota_exceeded"],
    ["unauthorized", "", "forbidden"],
    [{ httpConnectionFailed: { httpStatusCode: 401 } }, "", "forbidden"],
    [{ responseTooManyFailedAttempts: { httpStatusCode: 429 } }, "", "rate_limit"],
    [{ responseStreamDisconnected: { httpStatusCode: null } }, "", "network_error"],
    [{ responseStreamDisconnected: { httpStatusCode: 502 } }, "", "provider_error"],
    ["other", "unexpected status 404 Not Found", "model_unavailable"],
    ["other", "Missing environment variable: `X`", "forbidden"],
    ["other", "stream disconnected: idle timeout waiting for SSE", "timeout_error"],
    ["cyberPolicy", "no", "content_filter"],
    ["other", "Incomplete response returned, reason: content_filter", "content_filter"],
    ["other", "Incomplete response returned, reason: max_output_tokens", "execution_error"],
    ["other", "stream disconnected before completion: Transport error: reset", "network_error"],
    [
      { httpConnectionFailed: { httpStatusCode: 502 } },
      "unexpected status 502 Bad Gateway: Unable to connect to the model's server: refused",
      "network_error",
    ],
    ["brandNew", "", "execution_error"],
    [null, "boom", "execution_error"],
  ];
  for (const [info, message, code] of cases) {
    const error = { message, codexErrorInfo: info as string };
    assertEquals(describeFailure(error).code, code, JSON.stringify([info, message]));
  }
  assertEquals(describeFailure(null).message, "Codex turn failed");
  const message = "unexpected status 401 Unauthorized: no, url: http://127.0.0.1:4711/responses";
  assertEquals(
    describeFailure({ message, codexErrorInfo: "unauthorized" }).message,
    "The model's server refused the key or login: unexpected status 401 Unauthorized: no",
  );
});

Deno.test("describeRetry() names reason and attempt", () => {
  const words = (status: number | null, additionalDetails = "") =>
    describeRetry({
      message: "Reconnecting... 2/4",
      codexErrorInfo: { responseStreamDisconnected: { httpStatusCode: status } },
      additionalDetails,
    });
  assertMatch(words(500), /^The model's server failed \(500\); .*\(attempt 2 of 4\)\.\n$/);
  assertMatch(words(503), /^The model is overloaded \(503\)/);
  assertMatch(words(502), /^The model's server cannot be reached \(502\)/);
  assertMatch(words(401), /^The model's server refused the key or login \(401\)/);
  assertMatch(words(429), /^The model asks for a pause \(429\)/);
  assertMatch(words(null), /^The connection to the model was lost/);
  assertMatch(words(null, "stream disconnected before completion"), /^The connection/);
  assertMatch(
    words(null, "We’re currently experiencing high demand"),
    /^The model's server failed;/,
  );
  assertMatch(words(null, "Incomplete response returned"), /^The model's answer was cut short/);
});
