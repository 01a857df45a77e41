/** The members of an execution request that say which agent answers and where it finds its model. */
import { type AgentKind, AGENTS, type ModelChoice, type ProviderKind } from "../protocol/mod.ts";

/** Where the model's answers come from, with the key in clear. */
export interface Provider {
  readonly kind: ProviderKind;
  /** Of conversations that name none. */
  readonly model: string | null;
  readonly baseUrl: string | null;
  readonly apiKey: string | null;
}

/** The proxy between Codex and its model, with its password in clear. */
export interface Proxy {
  readonly url: string;
}

/** See the module comment. */
export interface ModelParts {
  readonly agent: AgentKind;
  readonly provider: Provider;
  /** Of the conversation. */
  readonly choice: ModelChoice;
  readonly proxy: Proxy | null;
  /** Address of this hub without a trailing slash. */
  readonly hubUrl: string;
}

/** Name of the demo model, and its key. */
export const DEMO_MODEL = "demo";
const OPENAI = "https://api.openai.com/v1";

/** Members of the request's first bot, and its `model_config`. */
export interface ModelMembers {
  readonly bot: Readonly<Record<string, unknown>>;
  readonly model_config: Readonly<Record<string, unknown>>;
}

/** See the module comment. */
export function modelMembers(parts: ModelParts): ModelMembers {
  return parts.agent === "codex" ? codexMembers(parts) : claudeMembers(parts);
}

function claudeMembers({ provider, choice, hubUrl }: ModelParts): ModelMembers {
  const env = claudeEnv(provider, choice, hubUrl);
  const model = choice.model ?? provider.model;
  return {
    bot: {
      ...named("claude"),
      agent_config: env ? { env } : {},
      // With the owner's login the configuration must stay empty: the bot itself names the model.
      ...(!env && model && { model }),
    },
    model_config: env ?? {},
  };
}

/** Null: the agent uses its owner's login. */
function claudeEnv(
  { kind, model, apiKey, baseUrl }: Provider,
  choice: ModelChoice,
  hubUrl: string,
): Record<string, string> | null {
  switch (kind) {
    case "own_login":
      return null;
    case "demo":
      return {
        model: "claude",
        model_id: DEMO_MODEL,
        api_key: DEMO_MODEL,
        base_url: `${hubUrl}/demo`,
      };
    case "key": {
      const id = choice.model ?? model;
      return {
        model: "claude",
        ...(id && { model_id: id }),
        ...(apiKey && { api_key: apiKey }),
        ...(baseUrl && { base_url: baseUrl }),
      };
    }
  }
}

function codexMembers({ provider, choice, proxy, hubUrl }: ModelParts): ModelMembers {
  const { kind, baseUrl, apiKey } = provider;
  const model = choice.model ?? provider.model;
  // The demo model is on the hub's own machine.
  const use_proxy = proxy !== null && kind !== "demo";
  const where = {
    own_login: { ...(model && { model_id: model }) },
    key: {
      ...(model && { model_id: model }),
      base_url: baseUrl ?? OPENAI,
      ...(apiKey && { api_key: apiKey }),
    },
    demo: { model_id: DEMO_MODEL, base_url: `${hubUrl}/demo/v1`, api_key: DEMO_MODEL },
  }[kind];
  const own = kind === "own_login" ? { use_user_config: true, configured: true } : {};
  const model_config = {
    model: "openai",
    api_format: "responses",
    ...where,
    ...(choice.effort && { reasoning: choice.effort }),
    runtime_config: { codex: { ...own, use_proxy } },
    ...(use_proxy && { proxy: { url: proxy.url } }),
  };
  return { bot: { ...named("codex"), agent_config: {} }, model_config };
}

function named(agent: AgentKind) {
  const { name, shell_type } = AGENTS[agent];
  return { name, shell_type };
}
