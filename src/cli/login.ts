/** Whether the agents can reach a real model with what their owner already has. */
import { readTextIfExists } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import type { AgentKind, ProviderKind } from "../protocol/mod.ts";

const CLAUDE_KEYS = [
  "ANTHROPIC_API_KEY",
  "ANTHROPIC_AUTH_TOKEN",
  "CLAUDE_CODE_OAUTH_TOKEN",
];

type Env = Readonly<Record<string, string | undefined>>;

/** By agent what its owner's own login is, in words for the terminal; null: there is none. */
export type Logins = Readonly<Record<AgentKind, string | null>>;

/** Looks for the owner's logins. */
export async function findLogins(userHome: string, env: Env): Promise<Logins> {
  return { claude: await claudeLogin(userHome, env), codex: codexLogin(userHome, env) };
}

/** Who answers when nobody chose: the owner's login, or the demo model where there is none. */
export function providersOf(logins: Logins): Record<AgentKind, ProviderKind> {
  const of = (login: string | null) => login ? "own_login" : "demo";
  return { claude: of(logins.claude), codex: of(logins.codex) };
}

/** A key in the environment, credentials in `~/.claude`, or an entry in the macOS keychain. */
async function claudeLogin(userHome: string, env: Env): Promise<string | null> {
  const variable = CLAUDE_KEYS.find((name) => env[name]);
  if (variable) return `key in ${variable}`;
  const config = env["CLAUDE_CONFIG_DIR"] || join(userHome, ".claude");
  if (readTextIfExists(join(config, ".credentials.json"))) {
    return "Claude login";
  }
  const state = readTextIfExists(join(userHome, ".claude.json"));
  if (state && /"(oauthAccount|primaryApiKey)"\s*:/.test(state)) {
    return "Claude login";
  }
  if (Deno.build.os === "darwin" && await inKeychain()) return "Claude login";
  return null;
}

/**
 * `auth.json` in Codex' home, or a provider of its own in `config.toml` whose key is in the environment.
 * `OPENAI_API_KEY` by itself is none: Codex' app-server (0.169) sends no request with it.
 */
function codexLogin(userHome: string, env: Env): string | null {
  const home = env["CODEX_HOME"] || join(userHome, ".codex");
  if (readTextIfExists(join(home, "auth.json"))?.trim()) return "Codex login";
  const config = readTextIfExists(join(home, "config.toml")) ?? "";
  const chosen = /^\s*model_provider\s*=\s*["'][^"']+["']/m.test(config);
  const variables = config.matchAll(/^[^#\n]*\benv_key\s*=\s*["'](\w+)["']/gm);
  const variable = chosen && Array.from(variables, ([, name = ""]) => name).find((n) => env[n]);
  return variable ? `key in ${variable}` : null;
}

async function inKeychain(): Promise<boolean> {
  const { success } = await new Deno.Command("/usr/bin/security", {
    args: ["find-generic-password", "-s", "Claude Code-credentials"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(5000),
  }).output();
  return success;
}
