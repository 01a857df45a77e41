/** Whether Claude Code can reach a real model with what its owner already has. */
import { readTextIfExists } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";

const KEY_VARIABLES = [
  "ANTHROPIC_API_KEY",
  "ANTHROPIC_AUTH_TOKEN",
  "CLAUDE_CODE_OAUTH_TOKEN",
];

/**
 * What the owner's own login is, in words for the terminal, or null when there is none: a key in the
 * environment, credentials in `~/.claude`, or an entry in the macOS keychain.
 */
export async function findLogin(
  userHome: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  const variable = KEY_VARIABLES.find((name) => env[name]);
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
