/**
 * Parts of an agent's environment that do not depend on the agent. It is built from a list, never inherited
 * whole, because everything in it is visible to every command the agent runs.
 */
import { isLoopback, isSecretName, secretIn, secretsInUrl } from "../../platform/mod.ts";

/** Names and values of an environment. */
export type Env = Readonly<Record<string, string>>;

const COMMON = new Set([
  ..."PATH HOME USER LOGNAME SHELL LANG LANGUAGE TERM TZ SSH_AUTH_SOCK".split(" "),
  ..."SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS".split(" "),
  ..."HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY".split(" "),
  ..."http_proxy https_proxy all_proxy no_proxy".split(" "),
  ..."GIT_SSH GIT_SSH_COMMAND GIT_SSL_CAINFO GIT_CONFIG_GLOBAL".split(" "),
  ..."JAVA_HOME GOPATH GOROOT CARGO_HOME RUSTUP_HOME NVM_DIR".split(" "),
  ..."PYENV_ROOT PNPM_HOME NPM_CONFIG_REGISTRY npm_config_registry".split(" "),
]);
const COMMON_PATTERN = /^(?:LC_\w+|XDG_\w+|GIT_(?:AUTHOR|COMMITTER)_\w+)$/;
/** Without these no program starts on Windows. */
const WINDOWS = new Set(
  ("SYSTEMROOT SYSTEMDRIVE COMSPEC PATHEXT WINDIR USERPROFILE HOMEDRIVE HOMEPATH " +
    "APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES USERNAME PROCESSOR_ARCHITECTURE")
    .split(" "),
);

/** Shortest text that is masked. */
const MIN_SECRET = 6;

/** Variables that name a proxy, in both spellings. */
export const PROXY_VARIABLES: readonly string[] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
  .flatMap((name) => [name, name.toLowerCase()]);

/** True for a variable of the executor's environment that any program may need. */
export function isCommonVariable(name: string): boolean {
  return COMMON.has(name) || COMMON_PATTERN.test(name) ||
    (Deno.build.os === "windows" && WINDOWS.has(name.toUpperCase()));
}

/** Agents send even loopback requests through a proxy unless they are told not to. */
export function bypassProxyOnLoopback(env: Record<string, string>, base: string): void {
  const url = URL.parse(base);
  if (!url || !isLoopback(url.hostname)) return;
  const present = env["no_proxy"] || env["NO_PROXY"] || "";
  const list = [...new Set([...present.split(","), "127.0.0.1", "localhost", "::1"])]
    .filter(Boolean).join(",");
  env["NO_PROXY"] = list;
  env["no_proxy"] = list;
}

/** What must be masked: secrets among the variables and in their proxies, and `more`. */
export function secretsOfEnvironment(env: Env, more: readonly string[]): string[] {
  const named = Object.entries(env).filter(([name, value]) => isSecretName(name, value))
    .map(([, value]) => value);
  const all = [
    ...[...named, ...more].flatMap((value) => [value, secretIn(value) ?? value]),
    ...PROXY_VARIABLES.flatMap((name) => secretsInUrl(env[name] ?? "")),
  ];
  return [...new Set(all)].filter((value) => value.length >= MIN_SECRET);
}

/**
 * What two starts have in common when one process can serve both; the order in which variables are listed is
 * not the same each time.
 */
export function fingerprintOf(plan: unknown, env: Env): string {
  return JSON.stringify([plan, Object.entries(env).sort(([a], [b]) => a < b ? -1 : 1)]);
}
