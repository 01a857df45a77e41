/**
 * What git and its relatives learn from the environment, per process and never from a file or an argument.
 *
 * A token is handed over by a credential helper that exists in the environment only and answers for one
 * host. A header in `http.<url>.extraHeader` would be simpler, but git sends it on to wherever the server
 * redirects (seen with git 2.39: the requests after the first redirected one carry it).
 */
import { parseRemote } from "./remote.ts";

type Env = Readonly<Record<string, string>>;

/** What a request says of its repository. */
export interface GitFacts {
  readonly url: string | null;
  /** Host the token belongs to; null: the host of {@link url}. */
  readonly domain: string | null;
  /** Plain (decrypted) token, or null. */
  readonly token: string | null;
  readonly login: string | null;
  readonly branch?: string | null;
  /** `owner/name` on the server, and its number there. */
  readonly repo?: string | null;
  readonly repoId?: string | null;
}

/** Answers for a token and asks nobody; git passes `get`, `store` or `erase`. */
const HELPER = `!f() { test "$1" = get && ` +
  `printf 'username=%s\\npassword=%s\\n' "$WEGENT_GIT_LOGIN" "$WEGENT_GIT_TOKEN"; }; f`;

/** A login and a token, and the addresses (`https://host[:port]`) they are for. */
export interface GitCredential {
  readonly origins: readonly string[];
  readonly login: string;
  readonly token: string;
}

/**
 * The credential of a request: its token, or a password in the address itself. Null when there is none,
 * or when the token belongs to another host than the address.
 */
export function credentialOf(facts: GitFacts): GitCredential | null {
  const remote = facts.url ? parseRemote(facts.url) : null;
  const web = remote !== null && (remote.scheme === "https" || remote.scheme === "http");
  const own = web ? `${remote.scheme}://${remote.host}${remote.port && `:${remote.port}`}` : null;
  const token = usableToken(facts.token);
  if (token !== null) {
    const domain = domainOf(facts.domain);
    const fits = remote !== null && (domain === null || domain === remote.host ||
      domain === `${remote.host}:${remote.port}`);
    const origins = [
      ...(own !== null && fits ? [own] : []),
      ...(domain !== null && own !== `http://${domain}` ? [`https://${domain}`] : []),
    ];
    if (origins.length === 0 && remote !== null && domain === null) {
      origins.push(`https://${remote.host}`);
    }
    if (origins.length === 0) return null;
    return { origins: [...new Set(origins)], login: usableToken(facts.login) ?? "token", token };
  }
  const password = usableToken(remote?.password ?? null);
  if (password === null || own === null) return null;
  return { origins: [own], login: usableToken(remote?.user) ?? "token", token: password };
}

/** A token as it can be sent, or null: servers send an empty or starred one for "none". */
export function usableToken(token: string | null | undefined): string | null {
  const text = token?.trim() ?? "";
  // deno-lint-ignore no-control-regex -- a line break would end the value in git's protocol
  return text === "" || /^\*+$/.test(text) || /[\x00-\x1f\x7f]/.test(text) ? null : text;
}

/** A host in lower case, with its port; whatever the server put around it. */
function domainOf(domain: string | null): string | null {
  const host = domain?.trim().toLowerCase().replace(/^[a-z]+:\/\//, "").replace(/[/?#].*$/, "") ??
    "";
  return /^[a-z0-9._-]+(:\d+)?$/.test(host) && !host.startsWith("-") ? host : null;
}

/** Secret forms of a credential: its token, as it is and as http sends it. */
export function secretsOf(credential: GitCredential | null): string[] {
  if (credential === null) return [];
  const pair = new TextEncoder().encode(`${credential.login}:${credential.token}`);
  const encoded = btoa(Array.from(pair, (byte) => String.fromCharCode(byte)).join(""));
  return [...new Set([credential.token, encodeURIComponent(credential.token), encoded])];
}

/** Configuration for git that makes `credential` the only one for its hosts. */
export function credentialConfig(credential: GitCredential | null): [string, string][] {
  return (credential?.origins ?? []).flatMap((origin): [string, string][] => [
    // An empty entry forgets the owner's helpers, which would store what they are shown.
    [`credential.${origin}.helper`, ""],
    [`credential.${origin}.helper`, HELPER],
  ]);
}

/** `env` with `config` added to what `GIT_CONFIG_COUNT` there says already. */
export function withGitConfig(
  env: Env,
  config: readonly [string, string][],
): Record<string, string> {
  const before = /^\d{1,4}$/.test(env["GIT_CONFIG_COUNT"] ?? "")
    ? Number(env["GIT_CONFIG_COUNT"])
    : 0;
  const all: Record<string, string> = { ...env };
  if (before + config.length === 0) return all;
  all["GIT_CONFIG_COUNT"] = String(before + config.length);
  config.forEach(([key, value], i) => {
    all[`GIT_CONFIG_KEY_${before + i}`] = key;
    all[`GIT_CONFIG_VALUE_${before + i}`] = value;
  });
  return all;
}

/**
 * Variables for the agent's own environment: what the reference calls them (`GIT_DOMAIN`, `GIT_URL`,
 * `GIT_REPO`, `GIT_REPO_ID`, `BRANCH_NAME`), the token for git by a helper, and for the command line of
 * the server (`gh`, `glab`).
 *
 * @param before The environment they are added to: its `GIT_CONFIG_*` are continued. @default {}
 * @returns Only the variables to add.
 */
export function gitEnvironment(facts: GitFacts, before: Env = {}): Record<string, string> {
  const env: Record<string, string> = {};
  const set = (name: string, value: string | null | undefined) => {
    if (value && !value.includes("\0")) env[name] = value;
  };
  const remote = facts.url ? parseRemote(facts.url) : null;
  const domain = domainOf(facts.domain) ??
    (remote && `${remote.host}${remote.scheme === "ssh" || !remote.port ? "" : `:${remote.port}`}`);
  set("GIT_DOMAIN", domain);
  set("GIT_URL", remote?.url);
  set("GIT_REPO", facts.repo || remote?.path);
  set("GIT_REPO_ID", facts.repoId);
  set("BRANCH_NAME", facts.branch);
  const credential = credentialOf(facts);
  if (credential === null) return env;
  set("WEGENT_GIT_LOGIN", credential.login);
  set("WEGENT_GIT_TOKEN", credential.token);
  if (domain !== null) Object.assign(env, commandLineLogin(domain, credential.token));
  // A count without its entries is an error to git, so those go along.
  const configured = Object.fromEntries(
    Object.entries(before).filter(([name]) =>
      /^GIT_CONFIG_(?:COUNT|KEY_\d+|VALUE_\d+)$/.test(name)
    ),
  );
  return { ...env, ...withGitConfig(configured, credentialConfig(credential)) };
}

/** How `gh` and `glab` take a login for one process. */
function commandLineLogin(domain: string, token: string): Record<string, string> {
  if (domain === "github.com" || domain.endsWith(".ghe.com")) {
    return { GH_TOKEN: token, GH_HOST: domain };
  }
  if (domain.includes("github")) return { GH_ENTERPRISE_TOKEN: token, GH_HOST: domain };
  return { GITLAB_TOKEN: token, GITLAB_HOST: domain };
}
