/** Where Codex finds its model: a provider of the request, or what its owner has configured. */
import { AppError, isSecretHeader } from "../../platform/mod.ts";
import { type ExecuteRequest, isGlobalTask, projectIdOf } from "../../protocol/mod.ts";
import { parseHeaders } from "../claude/headers.ts";
import type { SessionFacts } from "../runtime.ts";
import { bypassProxyOnLoopback } from "../shared/environment.ts";
import { resolveSecret } from "../shared/secrets.ts";
import type { TomlValue } from "./overrides.ts";
import { textAt } from "./settings.ts";

type Env = Readonly<Record<string, string>>;

/** The variable Codex takes the key from. */
export const KEY_VARIABLE = "WEGENT_CODEX_API_KEY";
const DEFAULT_PROVIDER = "wecode-openai";

/** A provider as overrides of the configuration. */
export interface Provider {
  /** Null: the owner's. */
  readonly id: string | null;
  /** Where Codex sends its requests; null: the owner's configuration says. */
  readonly url: string | null;
  /** For the command line; nothing secret. */
  readonly overrides: readonly (readonly [string, TomlValue])[];
  /** For the thread's configuration, which no process list shows. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Real values that are not in the environment. */
  readonly secrets: readonly string[];
}

/** The provider of a request that brings its own login, or headers for the owner's. */
export function personalProvider(request: ExecuteRequest, inherited: Env): Provider {
  const id = namedProvider(request, inherited);
  const headers = headersOf(request);
  return {
    id,
    url: null,
    overrides: id ? [["model_provider", id]] : [],
    config: id && headers.length > 0 ? headerConfig(id, headers) : {},
    secrets: headers.filter(([n, v]) => isSecretHeader(n, v)).map(([, value]) => value),
  };
}

/**
 * The provider a request describes. Sets the key in `env`, or one of the session where the request can
 * be forwarded.
 *
 * @throws {AppError} `codex_provider` when address or key are missing.
 */
export async function managedProvider(
  request: ExecuteRequest,
  facts: SessionFacts,
  env: Record<string, string>,
  inherited: Env,
): Promise<Provider> {
  const config = request.model_config ?? {};
  const base = textAt(config, "base_url").replace(/\/+$/, "");
  const key = await resolveSecret(textAt(config, "api_key"), inherited);
  if (base === "" || key === "") {
    const missing = base === "" ? "address" : "key";
    throw new AppError("codex_provider", `The request brings no ${missing} of the model's server`, {
      remedy: "Set `base_url` and `api_key` of the model, or let it use the owner's Codex login",
    });
  }
  const id = namedProvider(request, inherited) ?? DEFAULT_PROVIDER;
  const given = headersOf(request);
  const secret = given.filter(([name, value]) => isSecretHeader(name, value));
  const forwarded = forward(facts, base, key, secret, env);
  const headers = forwarded ? given.filter((pair) => !secret.includes(pair)) : given;
  env[KEY_VARIABLE] = forwarded?.key ?? key;
  const url = forwarded?.url ?? base;
  bypassProxyOnLoopback(env, url);
  const table = `model_providers.${id}`;
  const name = textAt(config, "provider_name") || textAt(config, "display_name") || "wecode openai";
  return {
    id,
    url,
    overrides: [
      ["model_provider", id],
      [`${table}.name`, name],
      [`${table}.base_url`, url],
      [`${table}.wire_api`, "responses"],
      [`${table}.env_key`, KEY_VARIABLE],
      // Together ten attempts; Codex' own limits would be thirty.
      [`${table}.request_max_retries`, 1],
      [`${table}.stream_max_retries`, 4],
    ],
    config: headers.length > 0 ? headerConfig(id, headers) : {},
    secrets: [key, ...secret.map(([, value]) => value)],
  };
}

function forward(
  { forward }: SessionFacts,
  base: string,
  key: string,
  headers: readonly [string, string][],
  env: Env,
): { url: string; key: string } | null {
  const url = URL.parse(base);
  const plain = url && /^https?:$/.test(url.protocol) && !url.username && !url.password &&
    !url.search && !url.hash;
  if (!forward || !plain) return null;
  return forward.route("codex", {
    base,
    credentials: [{ header: "authorization", value: `Bearer ${key}` }],
    headers: headers.map(([name, value]) => [name.toLowerCase(), value]),
    env: { ...env },
    errors: "openai",
  });
}

/** The provider a request or the device's environment names; only characters Codex takes. */
function namedProvider(request: ExecuteRequest, inherited: Env): string | null {
  const config = request.model_config ?? {};
  const given = textAt(config, "codex_model_provider") || textAt(config, "model_provider") ||
    textAt(config, "provider") || (inherited["CODEX_MODEL_PROVIDER"] ?? "").trim();
  return given.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "") || null;
}

/** A member as an object: names of headers may hold dots. */
function headerConfig(id: string, headers: readonly [string, string][]): Record<string, unknown> {
  return { [`model_providers.${id}.http_headers`]: Object.fromEntries(headers) };
}

/** Headers of the request; one of a project or a standalone chat says what it is. */
function headersOf(request: ExecuteRequest): [string, string][] {
  const config = request.model_config ?? {};
  const given = parseHeaders(config["default_headers"] ?? config["DEFAULT_HEADERS"]);
  const headers = new Map(
    given.map(([name, value]) => [name.toLowerCase(), [name, value] as const]),
  );
  if (isGlobalTask(request)) {
    const own = { action: "wegent", source: "wegent-local", executor: "codex" };
    for (const [name, value] of Object.entries(own)) {
      const key = `wecode-${name}`;
      if (!headers.has(key)) headers.set(key, [key, value]);
    }
    const project = projectIdOf(request);
    if (project !== null) headers.set("wecode-project", ["wecode-project", project]);
  }
  return [...headers.values()].map(([name, value]) => [name, value]);
}
