/** An execution request → what to start: arguments, environment, the thread's settings. Starts nothing. */
import {
  AppError,
  isSecretHeader,
  isSecretName,
  MARK_VARIABLE,
  secretsInUrl,
} from "../../platform/mod.ts";
import type { ExecuteRequest } from "../../protocol/mod.ts";
import { hideProxies } from "../forwarder/mod.ts";
import type { AgentPlan, SessionFacts } from "../runtime.ts";
import { fingerprintOf, secretsOfEnvironment } from "../shared/environment.ts";
import { usesOwnLogin } from "./agent.ts";
import { applyProxy, baseEnvironment, sharedHome } from "./environment.ts";
import type { SharedHome } from "./home.ts";
import { mcpServers } from "./mcp.ts";
import { ROOTS_VARIABLE, withoutRoots } from "./no_roots.ts";
import { overrideArgs, type TomlValue } from "./overrides.ts";
import { KEY_VARIABLE, managedProvider, personalProvider } from "./provider.ts";
import { objectOf, turnSettings } from "./settings.ts";

type Env = Readonly<Record<string, string>>;

/** How to start Codex for a request. */
export interface CodexPlan extends AgentPlan {
  /** Arguments after the program. */
  readonly args: readonly string[];
  /** Members of `thread/start` and `thread/resume`; may hold secrets, for they go through a pipe. */
  readonly thread: Readonly<Record<string, unknown>>;
  readonly tempDir: string;
  /** To be made before the start; null: the home exists. */
  readonly home: SharedHome | null;
}

/** Codex' own sandboxes that are narrower than none; see `docs/codex.md`. */
const TIGHTER = new Set(["workspace-write", "read-only"]);
/** Lets the device's owner narrow what Codex may do; it cannot be widened. */
const SANDBOX_VARIABLE = "WEGENT_CODEX_SANDBOX";

/** Nothing is sent, fetched or looked up that the turn does not need. */
const QUIET: readonly (readonly [string, TomlValue])[] = [
  ["analytics.enabled", false],
  ["feedback.enabled", false],
  ["check_for_update_on_startup", false],
  ["features.plugins", false],
  ["features.apps", false],
];

/** Commands get the environment without these variables; a snapshot of the shell would bring them back. */
function commandsWithout(variables: readonly string[]): [string, TomlValue][] {
  return [
    ["shell_environment_policy.exclude", [...variables]],
    ["features.shell_snapshot", false],
  ];
}

/** Makes the plan for a request. `inherited` is the executor's own environment. */
export async function buildPlan(
  request: ExecuteRequest,
  facts: SessionFacts,
  inherited: Env,
): Promise<CodexPlan> {
  const ownLogin = usesOwnLogin(request);
  const settings = turnSettings(request);
  const env = await baseEnvironment(facts, inherited, ownLogin);
  applyProxy(env, request);
  const provider = ownLogin
    ? personalProvider(request, inherited)
    : await managedProvider(request, facts, env, inherited);
  // Behind what the forwarder itself goes through.
  const proxies = facts.forward ? hideProxies(env, facts.forward) : [];
  const servers = mcpServers(request);
  // A home of the owner may name further servers.
  const roots = provider.url !== null && facts.configDir !== null
    ? withoutRoots(env, [{ url: provider.url }, ...Object.values(servers)], facts.stateDir)
    : null;
  const overrides: (readonly [string, TomlValue])[] = [
    ...QUIET,
    // Codex would delete a login of the owner that is of another kind.
    ...(!ownLogin && facts.configDir !== null ? [["forced_login_method", "api"] as const] : []),
    ...provider.overrides,
    // Commands must carry the mark whatever the owner's configuration lets them inherit.
    [`shell_environment_policy.set.${MARK_VARIABLE}`, facts.mark],
    ...(ownLogin ? [] : commandsWithout([KEY_VARIABLE, ...(roots ? [ROOTS_VARIABLE] : [])])),
  ];
  const instructions = instructionsOf(request);
  const thread = {
    approvalPolicy: "never",
    sandbox: sandboxOf(inherited),
    // No `cwd`: it is where the process starts, and older versions write a directory that is named into
    // the configuration as one to trust.
    ...(provider.id !== null && { modelProvider: provider.id }),
    ...(instructions !== "" && { developerInstructions: instructions }),
    config: {
      ...provider.config,
      ...Object.fromEntries(
        Object.entries(servers).map(([name, server]) => [`mcp_servers.${name}`, server]),
      ),
    },
  };
  const args = overrideArgs(overrides);
  const { model, effort, summary, serviceTier } = settings;
  return {
    args: [...(model === null ? [] : overrideArgs([["model", model]])), ...args, "app-server"],
    env,
    files: roots ? [roots] : [],
    secrets: secretsOfEnvironment(env, [
      ...provider.secrets,
      ...serverSecrets(servers),
      ...proxies.flatMap(secretsInUrl),
    ]),
    model,
    // Each turn names model and effort itself, but a conversation keeps a model that was named once: only a
    // new process goes back to the owner's.
    fingerprint: fingerprintOf([args, thread, model === null], env),
    thread: {
      ...thread,
      ...(model !== null && { model }),
      ...(serviceTier !== null && { serviceTier }),
      config: {
        ...thread.config,
        model_reasoning_effort: effort,
        ...(summary !== null && { model_reasoning_summary: summary }),
      },
    },
    tempDir: facts.tempDir,
    home: sharedHome(facts, inherited),
  };
}

function instructionsOf(request: ExecuteRequest): string {
  const system = request.system_prompt || request.bot[0]?.system_prompt || "";
  return [system, request.kb_meta_prompt].map((part) => part.trim()).filter(Boolean).join("\n\n");
}

function sandboxOf(inherited: Env): string {
  const wanted = (inherited[SANDBOX_VARIABLE] ?? "").trim();
  if (wanted === "" || wanted === "danger-full-access") return "danger-full-access";
  if (TIGHTER.has(wanted)) return wanted;
  throw new AppError("codex_sandbox", `${SANDBOX_VARIABLE} has no meaning "${wanted}"`, {
    remedy: "Set it to workspace-write or read-only, or leave it out",
  });
}

/** Headers and variables of servers that hold secrets. */
function serverSecrets(servers: Readonly<Record<string, Record<string, unknown>>>): string[] {
  const pairs = (map: unknown) => Object.entries(objectOf(map) ?? {}).map(([k, v]) => [k, `${v}`]);
  return Object.values(servers).flatMap(({ http_headers: headers, env }) => [
    ...pairs(headers).filter(([name = "", value = ""]) => isSecretHeader(name, value)),
    ...pairs(env).filter(([name = "", value = ""]) => isSecretName(name, value)),
  ]).map(([, value = ""]) => value);
}
