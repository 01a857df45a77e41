/** The environment of Claude Code; see `../shared/environment.ts`. */
import { isSecretHeader, MARK_VARIABLE, secretsInUrl } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";
import { type ExecuteRequest, isGlobalTask, projectIdOf } from "../../protocol/mod.ts";
import type { SessionFacts } from "../runtime.ts";
import {
  bypassProxyOnLoopback,
  type Env,
  isCommonVariable,
  secretsOfEnvironment,
} from "../shared/environment.ts";
import { resolveSecret } from "../shared/secrets.ts";
import { hideProxies } from "../forwarder/mod.ts";
import { forwardKeys } from "./forwarding.ts";
import { loginVariables } from "./owner_login.ts";
import { type GlobalHeaders, mergeHeaderVariables, parseHeaders } from "./headers.ts";

/** Facts of the session that the environment depends on. */
export type EnvironmentFacts = Omit<SessionFacts, "stateDir">;

/** Result of {@link buildEnvironment}. */
export interface AgentEnvironment {
  readonly env: Env;
  /** Values that must not appear in a log or a message. */
  readonly secrets: readonly string[];
  /** True when the agent uses the login of the device's owner. */
  readonly ownLogin: boolean;
}

/** Settings of the CLI that the owner may have made for all programs. */
const OWN = new Set([
  ..."API_TIMEOUT_MS BASH_DEFAULT_TIMEOUT_MS BASH_MAX_TIMEOUT_MS".split(" "),
  ..."MAX_THINKING_TOKENS DISABLE_TELEMETRY DISABLE_ERROR_REPORTING".split(" "),
]);
const OWN_PATTERN = /^CLAUDE_CODE_(?:DISABLE|MAX)_\w+$/;
/** What a login of the owner may consist of. */
const LOGIN_PATTERN =
  /^(?:ANTHROPIC_\w+|AWS_\w+|VERTEX_\w+|GOOGLE_\w+|AZURE_\w+|CLOUD_ML_REGION|GCLOUD_PROJECT|CLAUDE_CONFIG_DIR|CLAUDE_CODE_(?:OAUTH_TOKEN|USE|SKIP|SUBAGENT)\w*)$/;
/**
 * Never taken from a request: they would reach the launcher, which starts with this environment
 * before its sandbox is up, or undo what this program fixed.
 */
const REFUSED =
  /^(?:LD_.*|DYLD_.*|DENO_.*|NODE_OPTIONS|BUN_.*|BASH_ENV|ENV|PATH|HOME|SHELL|TMPDIR|IFS|PWD|GLIBC_TUNABLES|MALLOC_.*|WEGENT_AGENT_MARK|CLAUDE_CONFIG_DIR|CLAUDE_CODE_TMPDIR|CLAUDECODE)$/i;

/** Members of a server's model configuration that are mapped, not copied. */
const MAPPED = new Set([
  "model",
  "model_id",
  "api_key",
  "base_url",
  "small_model",
]);

/** Builds the agent's environment from the executor's own (`inherited`) and the request. */
export async function buildEnvironment(
  request: ExecuteRequest,
  facts: EnvironmentFacts,
  inherited: Env,
): Promise<AgentEnvironment> {
  const bot = request.bot[0];
  const agentConfig = bot?.agent_config ?? {};
  const ownLogin = Object.keys(agentConfig).length === 0;
  const given = agentConfig.env ?? {};
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    if (isCommon(name) || (ownLogin && LOGIN_PATTERN.test(name))) {
      env[name] = value;
    }
  }
  if (ownLogin) Object.assign(env, loginVariables(inherited));
  else {
    Object.assign(env, await modelVariables(given, inherited));
    mergeHeaderVariables(env, globalHeaders(request));
    setIf(env, "WEGENT_SKILL_IDENTITY_TOKEN", request.skill_identity_token);
    setIf(env, "WEGENT_SKILL_USER_NAME", request.user_name);
  }
  Object.assign(env, facts.variables);
  setDefaults(env);
  const hidden = ownLogin || !facts.forward ? [] : forwardKeys(env, facts.forward);
  const proxies = facts.forward ? hideProxies(env, facts.forward) : [];
  bypassProxyOnLoopback(env, env["ANTHROPIC_BASE_URL"] ?? "");
  Object.assign(env, {
    PWD: facts.workdir,
    TMPDIR: facts.tempDir,
    CLAUDE_CODE_TMPDIR: facts.tempDir,
    CLAUDE_CODE_ENTRYPOINT: inherited["CLAUDE_CODE_ENTRYPOINT"] ?? "sdk-ts",
    [MARK_VARIABLE]: facts.mark,
  });
  if (facts.configDir !== null) {
    env["CLAUDE_CONFIG_DIR"] = facts.configDir;
    env["SKILLS_DIR"] = join(facts.configDir, "skills");
  } else if (!ownLogin && env["HOME"]) env["SKILLS_DIR"] = join(env["HOME"], ".claude/skills");
  return { env, secrets: secretsOf(env, hidden, proxies), ownLogin };
}

/** What a Wegent server wants to know of the requests of a project or a standalone chat. */
function globalHeaders(request: ExecuteRequest): GlobalHeaders | null {
  if (!isGlobalTask(request)) return null;
  const project = projectIdOf(request);
  return {
    defaults: {
      "wecode-action": "wegent",
      "wecode-source": "wegent-local",
      "wecode-executor": "claudecode",
    },
    fixed: project === null ? {} : { "wecode-project": project },
  };
}

function isCommon(name: string): boolean {
  return isCommonVariable(name) || OWN.has(name) || OWN_PATTERN.test(name);
}

/** Variables a server's model configuration stands for. */
async function modelVariables(
  given: Readonly<Record<string, unknown>>,
  inherited: Env,
): Promise<Record<string, string>> {
  const mapped = Boolean(given["model"]);
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (mapped && MAPPED.has(name)) continue;
    if (value === null || value === undefined || !isAllowed(name)) continue;
    env[name] = asText(value);
  }
  if (!mapped) return env;
  const model = asText(given["model_id"] ?? "");
  const small = asText(given["small_model"] || model);
  setIf(env, "ANTHROPIC_MODEL", model);
  setIf(env, "ANTHROPIC_SMALL_FAST_MODEL", small);
  setIf(env, "ANTHROPIC_DEFAULT_HAIKU_MODEL", small);
  const key = asText(given["api_key"] ?? "");
  setIf(env, "ANTHROPIC_AUTH_TOKEN", await resolveSecret(key, inherited));
  const base = asText(given["base_url"] ?? "").trim();
  setIf(env, "ANTHROPIC_BASE_URL", base.replace(/\/v1\/?$/, ""));
  return env;
}

function isAllowed(name: string): boolean {
  return name === "default_headers" ||
    (/^[A-Z_][A-Z0-9_]*$/.test(name) && !REFUSED.test(name));
}

function asText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  return text.replaceAll("\0", "");
}

function setIf(env: Record<string, string>, name: string, value: string): void {
  if (value !== "") env[name] = value;
}

/** What the executor prefers where neither its own environment nor the request says otherwise. */
function setDefaults(env: Record<string, string>): void {
  env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] ??= "1";
  env["CLAUDE_CODE_DISABLE_FEEDBACK_SURVEY"] ??= "1";
  // A repeated request without a stream would bring text again that was already sent.
  env["CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK"] ??= "1";
  env["CLAUDE_CODE_MAX_RETRIES"] ??= "3";
  // A timer that fires between two turns would work where nobody looks.
  env["CLAUDE_CODE_DISABLE_CRON"] ??= "1";
  env["DISABLE_AUTOUPDATER"] ??= "1";
}

/** What must be masked: also values and proxies that were kept out of the environment. */
function secretsOf(
  env: Env,
  hidden: readonly string[],
  hiddenProxies: readonly string[],
): string[] {
  const headers = parseHeaders(env["ANTHROPIC_CUSTOM_HEADERS"] ?? "")
    .filter(([name, value]) => isSecretHeader(name, value)).map(([, value]) => value);
  const urls = [...hiddenProxies, env["ANTHROPIC_BASE_URL"] ?? ""].flatMap(secretsInUrl);
  return secretsOfEnvironment(env, [...hidden, ...headers, ...urls]);
}
