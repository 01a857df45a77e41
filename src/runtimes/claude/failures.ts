/** Failed turns in words a person understands, with a code a server's page can explain. */
import type { ErrorCode } from "../../protocol/mod.ts";
import type { ResultMessage } from "./messages.ts";

/** Why a turn failed. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

interface Rule {
  /** Why the model stopped. */
  readonly stop?: string;
  readonly statuses?: readonly number[];
  readonly pattern?: RegExp;
  readonly code: ErrorCode;
  readonly words: string;
}

/** The first rule that fits wins: texts say more than statuses, so they come first. */
const RULES: readonly Rule[] = [
  {
    stop: "refusal",
    pattern: /violate our usage policy/i,
    code: "content_filter",
    words: "The model's server refused the request for its contents",
  },
  {
    pattern: /output token maximum/i,
    code: "execution_error",
    words: "The answer became longer than the model may write at once",
  },
  {
    pattern: /not logged in|please run \/login/i,
    code: "forbidden",
    words:
      "Claude is not logged in on this device and the task brought no key; log in with `claude` on the device or set a key",
  },
  {
    pattern: /prompt is too long|context.{0,20}(?:length|window).{0,20}exceed/i,
    code: "context_length_exceeded",
    words: "The conversation is too long for the model; start a new one or send /compact",
  },
  {
    pattern: /credit balance|quota|billing|usage limit/i,
    code: "quota_exceeded",
    words: "The account's credit or quota is used up",
  },
  {
    statuses: [413],
    pattern: /request too large/i,
    code: "payload_too_large",
    words: "The request is too large for the model",
  },
  {
    statuses: [401, 403],
    pattern: /failed to authenticate|invalid api key|oauth token/i,
    code: "forbidden",
    words: "The model's server refused the key or login",
  },
  {
    statuses: [402],
    code: "quota_exceeded",
    words: "The account's credit or quota is used up",
  },
  {
    statuses: [404],
    pattern: /issue with the selected model/i,
    code: "model_unavailable",
    words: "The model is not available",
  },
  {
    statuses: [429],
    pattern: /rate.?limit/i,
    code: "rate_limit",
    words: "Too many requests for the model; try again in a while",
  },
  {
    statuses: [503, 529],
    pattern: /overloaded/i,
    code: "model_unavailable",
    words: "The model is overloaded; try again in a moment",
  },
  {
    pattern: /timed? ?out|ETIMEDOUT/i,
    code: "timeout_error",
    words: "The model did not answer in time; try again",
  },
  {
    pattern:
      /unable to connect|connection (?:to the api|error)|ECONN|ENOTFOUND|EAI_AGAIN|ConnectionRefused|fetch failed|certificate/i,
    code: "network_error",
    words: "The connection to the model failed",
  },
];

/** Words for a turn that ended with an error result. */
export function describeFailure(result: ResultMessage): Failure {
  const detail = detailOf(result);
  if (result.subtype === "error_max_turns") {
    return {
      code: "execution_error",
      message: "The agent reached the number of steps it was allowed",
    };
  }
  const status = result.api_error_status ?? statusIn(detail);
  const rule = RULES.find((r) =>
    (r.stop !== undefined && r.stop === result.stop_reason) ||
    (r.pattern?.test(detail) ?? false) ||
    (status !== null && (r.statuses?.includes(status) ?? false))
  );
  if (rule) return { code: rule.code, message: join(rule.words, detail) };
  if (status !== null && status >= 500) {
    return {
      code: "provider_error",
      message: join(
        `The model's server failed (${status}); try again in a moment`,
        detail,
      ),
    };
  }
  if (status !== null && status >= 400) {
    return {
      code: "provider_error",
      message: join(
        `The model's server refused the request (${status})`,
        detail,
      ),
    };
  }
  return { code: "execution_error", message: join("The agent failed", detail) };
}

/** Words for a refused attempt that the CLI will repeat. */
export function describeRetry(
  facts: {
    status: number | null;
    attempt: number | null;
    max: number | null;
    delayMs: number | null;
  },
): string {
  const { status, attempt, max, delayMs } = facts;
  const reason = status === null
    ? "The connection to the model failed"
    : status === 529 || status === 503
    ? `The model is overloaded (${status})`
    : status === 429
    ? "The model asks for a pause (429)"
    : status === 401 || status === 403
    ? `The model's server refused the key or login (${status})`
    : status === 502 || status === 504
    ? `The model's server cannot be reached (${status})`
    : `The model's server failed (${status})`;
  const wait = delayMs === null ? "" : ` in ${seconds(delayMs)}`;
  const count = attempt === null
    ? ""
    : max === null
    ? ` (attempt ${attempt})`
    : ` (attempt ${attempt} of ${max})`;
  return `${reason}; trying again${wait}${count}.\n`;
}

function seconds(ms: number): string {
  return ms < 1000 ? "a second" : `${Math.round(ms / 1000)} s`;
}

function detailOf(result: ResultMessage): string {
  const errors = (result.errors ?? []).filter((e) => typeof e === "string");
  const text = result.result || errors.join("; ") ||
    (result.subtype === "success" ? "" : `Task ended: ${result.subtype}`);
  return text.trim().slice(0, 1500);
}

function statusIn(detail: string): number | null {
  const match = detail.match(/API Error: (\d{3})\b/)?.[1];
  return match ? Number(match) : null;
}

/** Where the forwarder listens; it tells people nothing. */
const OWN_ADDRESS = / If it persists, check your inference gateway \(127\.0\.0\.1:\d+\)\./;

function join(words: string, detail: string): string {
  const rest = detail
    .replace(OWN_ADDRESS, "")
    .replace(/^Failed to authenticate\.\s*/, "")
    .replace(/^API Error:\s*(?:\d{3}\s+)?/, "");
  return rest === "" || rest === words ? words : `${words}: ${rest}`;
}
