/** The environment of Codex; see `../shared/environment.ts`. */
import { AppError, MARK_VARIABLE, readTextIfExists } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";
import type { ExecuteRequest } from "../../protocol/mod.ts";
import type { SessionFacts } from "../runtime.ts";
import { type Env, isCommonVariable, PROXY_VARIABLES } from "../shared/environment.ts";
import type { SharedHome } from "./home.ts";
import { objectOf, textAt } from "./settings.ts";

/** What a login of the owner may consist of, beside what their configuration names. */
const LOGIN_PATTERN = /^(?:OPENAI_\w+|AZURE_\w+|CODEX_(?:API_KEY|ACCESS_TOKEN))$/;

/** Source: the Wegent server's own limit. */
const MAX_PROXY_BYTES = 2048;
const PROXY_SCHEMES = new Set(["http:", "https:", "socks5:", "socks5h:"]);
const NO_PROXY_DEFAULT = "localhost,127.0.0.1,::1,host.docker.internal";

/** Variables every run gets, without a key. `ownLogin`: also what the owner's login consists of. */
export async function baseEnvironment(
  facts: SessionFacts,
  inherited: Env,
  ownLogin: boolean,
): Promise<Record<string, string>> {
  const named = ownLogin ? await namedVariables(inherited) : new Set<string>();
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    if (isCommon(name) || (ownLogin && (LOGIN_PATTERN.test(name) || named.has(name)))) {
      env[name] = value;
    }
  }
  Object.assign(env, facts.variables, {
    PWD: facts.workdir,
    TMPDIR: facts.tempDir,
    [MARK_VARIABLE]: facts.mark,
  });
  const home = sharedHome(facts, inherited)?.dir ?? facts.configDir ?? inherited["CODEX_HOME"];
  if (home) env["CODEX_HOME"] = home;
  return env;
}

/** The home that stands for the owner's; null: Codex has one of its own, or links cannot be made. */
export function sharedHome(facts: SessionFacts, inherited: Env): SharedHome | null {
  const owner = ownerHome(inherited);
  if (facts.configDir !== null || owner === null || Deno.build.os === "windows") return null;
  return { dir: join(facts.stateDir, "codex-home"), owner };
}

function ownerHome(inherited: Env): string | null {
  const home = inherited["HOME"] || inherited["USERPROFILE"];
  return inherited["CODEX_HOME"] || (home ? join(home, ".codex") : null);
}

function isCommon(name: string): boolean {
  return isCommonVariable(name) || name === "CODEX_CA_CERTIFICATE";
}

/** Variables the owner's configuration takes keys from. */
async function namedVariables(inherited: Env): Promise<Set<string>> {
  const dir = ownerHome(inherited);
  const text = dir === null ? "" : await readTextIfExists(join(dir, "config.toml")) ?? "";
  const found = text.matchAll(
    /^[^#\n]*\b(?:env_key|bearer_token_env_var)\s*=\s*["']([A-Za-z_][A-Za-z0-9_]*)["']/gm,
  );
  return new Set(Array.from(found, ([, name]) => name ?? ""));
}

/**
 * Sends Codex through the proxy the request names, if it wants one.
 *
 * @throws {AppError} `codex_proxy` when it wants one that cannot be used: going without it would be wrong.
 */
export function applyProxy(env: Record<string, string>, request: ExecuteRequest): void {
  const config = request.model_config ?? {};
  const runtimes = objectOf(config["runtime_config"]) ?? objectOf(config["runtimeConfig"]);
  const url = textAt(objectOf(config["proxy"]) ?? {}, "url");
  if (!objectOf(runtimes?.["codex"])?.["use_proxy"] || url === "") return;
  const parsed = URL.parse(url);
  const fits = new TextEncoder().encode(url).length <= MAX_PROXY_BYTES;
  if (!parsed?.hostname || !fits || !PROXY_SCHEMES.has(parsed.protocol)) {
    throw new AppError("codex_proxy", "Cannot use the proxy of the request", {
      remedy: "Give it as http://, https:// or socks5:// with a host and a port",
    });
  }
  for (const name of PROXY_VARIABLES) env[name] = url;
  const except = env["NO_PROXY"] || env["no_proxy"] || NO_PROXY_DEFAULT;
  env["NO_PROXY"] = except;
  env["no_proxy"] = except;
}
