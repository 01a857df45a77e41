/** A user's settings: for each agent who answers, and the way Codex takes to its model. */
import * as z from "zod";
import { type AgentKind, modelId } from "./agent.ts";

/** Where the model's answers come from: the owner's login, a key, or scripted demo answers. */
export const PROVIDERS = ["own_login", "key", "demo"] as const;
export type ProviderKind = (typeof PROVIDERS)[number];

/** Most models a person may list for an agent. */
export const MAX_MODELS = 50;
/** Longest address of a proxy, in bytes. Source: the Wegent server's own limit. */
export const MAX_PROXY_BYTES = 2048;

const PROXY_FORM = "must be http://, https:// or socks5:// with a host and a port";

const cleared = z.literal("");
const agentFields = {
  provider: z.enum(PROVIDERS).optional(),
  /** The model of conversations that name none. */
  model: z.union([cleared, modelId]).nullish(),
  base_url: z.union([
    cleared,
    z.string().trim().max(500).refine(isHttpUrl, "must be an http(s) URL"),
  ]).nullish(),
  api_key: z.string().trim().max(1000).nullish(),
};

/** What is to change of one agent; an absent member stays as it is, `null` clears it. */
export const agentSettingsRequest = z.looseObject({
  ...agentFields,
  /** Models to offer in the page, in this order. */
  models: z.array(modelId).max(MAX_MODELS).nullish(),
});
export type AgentSettingsRequest = z.output<typeof agentSettingsRequest>;

/** `PUT /api/settings`; the members beside `agents` and `proxy` are Claude's. */
export const settingsRequest = z.looseObject({
  ...agentFields,
  agents: z.looseObject({
    claude: agentSettingsRequest.optional(),
    codex: agentSettingsRequest.optional(),
  }).optional(),
  proxy: z.looseObject({
    /** An address as the settings show it, its password masked, keeps the stored one. */
    url: z.union([cleared, z.string().trim().refine(isProxyUrl, PROXY_FORM)]).nullish(),
    use_proxy: z.boolean().optional(),
  }).optional(),
});
export type SettingsRequest = z.output<typeof settingsRequest>;

/** Settings of one agent; the key itself is never sent back. */
export interface AgentSettingsView {
  provider: ProviderKind;
  model: string | null;
  base_url: string | null;
  /** Last four characters of the stored key, for recognition; null: none stored. */
  api_key_hint: string | null;
  models: string[];
}

/** The way to Codex' model. */
export interface ProxyView {
  /** User and password are masked; null: none stored. */
  url: string | null;
  use_proxy: boolean;
}

/** `GET /api/settings`; the members beside `agents` and `proxy` are Claude's. */
export interface SettingsView extends Omit<AgentSettingsView, "models"> {
  agents: Record<AgentKind, AgentSettingsView>;
  proxy: ProxyView;
}

function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && !url.username &&
    !url.password;
}

/** An address with nothing but a login, a host and a port. */
function isProxyUrl(text: string): boolean {
  const port =
    /^(?:https?|socks5):\/\/(?:[^@/?#\s]*@)?(?:\[[\da-f:.]+\]|[^@:/?#\s[\]]+):(\d{1,5})\/?$/i
      .exec(text)?.[1];
  return port !== undefined && Number(port) > 0 && URL.parse(text) !== null &&
    new TextEncoder().encode(text).length <= MAX_PROXY_BYTES;
}
