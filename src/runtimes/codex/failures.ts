/** Failed turns in words a person understands, with a code a server's page can explain. */
import * as z from "zod";
import { parseJson } from "../../platform/mod.ts";
import type { ErrorCode } from "../../protocol/mod.ts";
import type { Failure } from "../runtime.ts";
import type { TurnError } from "./messages.ts";

interface Rule {
  /** Words of `codexErrorInfo`. */
  readonly infos?: readonly string[];
  readonly statuses?: readonly number[];
  readonly pattern?: RegExp;
  readonly code: ErrorCode;
  readonly words: string;
}

/** The first rule that fits wins. */
const RULES: readonly Rule[] = [
  {
    infos: ["contextWindowExceeded"],
    code: "context_length_exceeded",
    words: "The conversation is too long for the model; start a new one",
  },
  {
    infos: ["usageLimitExceeded", "sessionBudgetExceeded"],
    statuses: [402],
    pattern: /usage limit|insufficient_quota|exceeded your current quota|billing/i,
    code: "quota_exceeded",
    words: "The account's credit or quota is used up",
  },
  {
    pattern: /not logged in|codex login|missing environment variable/i,
    code: "forbidden",
    words: "Codex is not logged in on this device and the task brought no key; log in with " +
      "`codex login` on the device or set a key",
  },
  {
    infos: ["unauthorized"],
    statuses: [401, 403],
    code: "forbidden",
    words: "The model's server refused the key or login",
  },
  {
    infos: ["rateLimitExceeded"],
    statuses: [429],
    code: "rate_limit",
    words: "Too many requests for the model; try again in a while",
  },
  {
    statuses: [413],
    code: "payload_too_large",
    words: "The request is too large for the model",
  },
  {
    infos: ["modelNotFound"],
    statuses: [404],
    code: "model_unavailable",
    words: "The model is not available",
  },
  {
    infos: ["serverOverloaded", "flexUnavailable", "policyCapacityUnavailable"],
    statuses: [503, 529],
    code: "model_unavailable",
    words: "The model is overloaded; try again in a moment",
  },
  {
    infos: ["cyberPolicy", "misalignmentPolicyViolation"],
    pattern: /content_filter/,
    code: "content_filter",
    words: "The model's server refused the request for its contents",
  },
  {
    pattern: /max_output_tokens/,
    code: "execution_error",
    words: "The answer became longer than the model may write at once",
  },
  {
    pattern: /idle timeout|timed? ?out/i,
    code: "timeout_error",
    words: "The model did not answer in time; try again",
  },
  {
    infos: ["badRequest"],
    code: "provider_error",
    words: "The model's server refused the request",
  },
  { infos: ["internalServerError"], code: "provider_error", words: "The model's server failed" },
  {
    pattern:
      /unable to connect|error sending request|stream (?:disconnected|closed)|transport error/i,
    code: "network_error",
    words: "The connection to the model failed",
  },
];

const CONNECTION = [
  "httpConnectionFailed",
  "responseStreamConnectionFailed",
  "responseStreamDisconnected",
  "responseTooManyFailedAttempts",
];
/** Where the forwarder listens; it tells people nothing. */
const OWN_ADDRESS = /,? url: http:\/\/127\.0\.0\.1:\d+\/\S*/g;

/** Words for a turn that failed; null: Codex gave no reason. */
export function describeFailure(error: TurnError | null | undefined): Failure {
  if (!error) return { code: "execution_error", message: "Codex turn failed" };
  const { name, status } = infoOf(error);
  const detail = detailOf(error);
  const rule = RULES.find(({ infos, statuses, pattern }) =>
    infos?.includes(name) || (status !== null && statuses?.includes(status)) ||
    pattern?.test(detail)
  );
  if (rule) return { code: rule.code, message: join(rule.words, detail) };
  if (status !== null && status >= 400) {
    const words = status >= 500 ? "failed" : "refused the request";
    return {
      code: "provider_error",
      message: join(`The model's server ${words} (${status})`, detail),
    };
  }
  // A server's own words for a refusal come as they are.
  if (error.message.trimStart().startsWith("{")) {
    return {
      code: "provider_error",
      message: join("The model's server refused the request", detail),
    };
  }
  if (CONNECTION.includes(name)) {
    return { code: "network_error", message: join("The connection to the model failed", detail) };
  }
  return { code: "execution_error", message: join("The agent failed", detail) };
}

/** Words for a failed attempt that Codex repeats. */
export function describeRetry(error: TurnError): string {
  const count = error.message.match(/(\d+)\/(\d+)/);
  const attempt = count ? ` (attempt ${count[1]} of ${count[2]})` : "";
  return `${retryReason(error)}; trying again${attempt}.\n`;
}

function retryReason(error: TurnError): string {
  const { status } = infoOf(error);
  const details = error.additionalDetails ?? "";
  switch (status) {
    case null:
      if (/incomplete response/i.test(details)) return "The model's answer was cut short";
      // Codex hides some statuses behind words of its own.
      if (/high demand|overloaded|internal server/i.test(details)) {
        return "The model's server failed";
      }
      return "The connection to the model was lost";
    case 401:
    case 403:
      return `The model's server refused the key or login (${status})`;
    case 429:
      return "The model asks for a pause (429)";
    case 502:
    case 504:
      return `The model's server cannot be reached (${status})`;
    case 503:
    case 529:
      return `The model is overloaded (${status})`;
    default:
      return `The model's server failed (${status})`;
  }
}

function infoOf(error: TurnError): { name: string; status: number | null } {
  const info = error.codexErrorInfo;
  const [name = "", members] = typeof info === "string"
    ? [info]
    : Object.entries(info ?? {})[0] ?? [];
  const given = (members as { httpStatusCode?: unknown } | null | undefined)?.httpStatusCode;
  if (typeof given === "number") return { name, status: given };
  const found = error.message.match(/\bstatus (?:code )?(\d{3})\b/)?.[1];
  return { name, status: found ? Number(found) : null };
}

function detailOf({ message, additionalDetails }: TurnError): string {
  const more = additionalDetails && !message.includes(additionalDetails)
    ? ` (${additionalDetails})`
    : "";
  return (said(message) + more).replace(OWN_ADDRESS, "").trim().slice(0, 1500);
}

const answer = z.looseObject({ error: z.looseObject({ message: z.string() }) });

/** The message of an answer in JSON, else the text itself. */
function said(text: string): string {
  const parsed = text.trimStart().startsWith("{") ? answer.safeParse(parseJson(text)).data : null;
  return parsed?.error.message ?? text;
}

function join(words: string, detail: string): string {
  return detail === "" || detail === words ? words : `${words}: ${detail}`;
}
