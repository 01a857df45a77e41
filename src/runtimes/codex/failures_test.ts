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
    ["brandNew", "", "execution_error"],
    [null, "boom", "execution_error"],
  ];
  for (const [info, message, code] of cases) {
    const error = { message, codexErrorInfo: info as string };
    assertEquals(describeFailure(error).code, code, JSON.stringify([info, message]));
  }
  assertEquals(describeFailure(null).message, "Codex turn failed");
});

Deno.test("describeRetry() names reason and attempt", () => {
  const error = {
    message: "Reconnecting... 2/4",
    codexErrorInfo: { responseStreamDisconnected: { httpStatusCode: 503 } },
  };
  assertMatch(describeRetry(error), /^The model's server failed \(503\).*attempt 2 of 4/);
});
