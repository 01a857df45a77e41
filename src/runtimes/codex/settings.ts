/** What a request says of the model: which one, how much it thinks, how fast it is served. */
import { AppError } from "../../platform/mod.ts";
import type { ExecuteRequest } from "../../protocol/mod.ts";
import { usesOwnLogin } from "./agent.ts";

/** Settings of one turn. */
export interface TurnSettings {
  /** Null: what the owner's configuration says. */
  readonly model: string | null;
  readonly effort: Effort;
  readonly summary: string | null;
  readonly serviceTier: string | null;
}

const EFFORTS = ["minimal", "low", "medium", "high", "xhigh"] as const;
type Effort = (typeof EFFORTS)[number];

/** Other words for an effort. Source: the Wegent executor's table; what is in neither is medium. */
const EFFORT_WORDS: Readonly<Record<string, Effort>> = {
  低: "low",
  中: "medium",
  中等: "medium",
  高: "high",
  超高: "xhigh",
  最高: "xhigh",
  extra_high: "xhigh",
  ultra: "xhigh",
  "x-high": "xhigh",
};
const SUMMARIES: ReadonlySet<string> = new Set(["auto", "concise", "detailed"]);
const TIERS: Readonly<Record<string, string>> = {
  fast: "priority",
  priority: "priority",
  快速: "priority",
  运行快速: "priority",
  standard: "default",
  default: "default",
  普通: "default",
  标准: "default",
  运行标准: "default",
};

/**
 * The settings of a request.
 *
 * @throws {AppError} `codex_model` when it names no model and the owner's configuration does not count.
 */
export function turnSettings(request: ExecuteRequest): TurnSettings {
  const config = request.model_config ?? {};
  const model = textAt(config, "model_id");
  if (model === "" && !usesOwnLogin(request)) {
    throw new AppError("codex_model", "The request names no model for Codex", {
      remedy: "Set `model_id` of the model",
    });
  }
  const reasoning = config["reasoning"];
  const summary = objectOf(reasoning) && textAt(objectOf(reasoning) ?? {}, "summary").toLowerCase();
  return {
    model: model || null,
    effort: effortOf(reasoning),
    summary: summary && SUMMARIES.has(summary) ? summary : null,
    serviceTier: tierOf(config["service_tier"]),
  };
}

function effortOf(value: unknown): Effort {
  const object = objectOf(value);
  const given = object ? object["effort"] ?? object["reasoning"] : value;
  const nested = objectOf(given);
  const text = asText(nested ? nested["effort"] ?? nested["reasoning"] : given).toLowerCase();
  const known = EFFORTS.find((effort) => effort === text);
  return known ?? (Object.hasOwn(EFFORT_WORDS, text) ? EFFORT_WORDS[text] : null) ?? "medium";
}

function tierOf(value: unknown): string | null {
  const object = objectOf(value);
  const given = object ? object["value"] ?? object["speed"] ?? object["service_tier"] : value;
  const word = asText(given).toLowerCase();
  return Object.hasOwn(TIERS, word) ? TIERS[word] ?? null : null;
}

/** Trimmed text of a member; "" when it is absent or no text. */
export function textAt(object: Readonly<Record<string, unknown>>, name: string): string {
  return asText(object[name]);
}

/** The value as an object, or null. */
export function objectOf(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : null;
}

function asText(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}
