/**
 * MCP servers without their secrets, and how an edited one gets them back: a value that comes back as it
 * was shown is the stored one. Pure.
 */
import { AppError, isSecretHeader, isSecretName, SECRET_MARK } from "../platform/mod.ts";
import type { McpServer } from "../protocol/mod.ts";

/** The server as a page may see it. */
export function maskedServer(server: McpServer): McpServer {
  if (server.type !== "stdio") {
    return { ...server, url: maskedUrl(server.url), headers: maskedMap(server.headers) };
  }
  return { ...server, args: server.args.map(maskedArg), env: maskedMap(server.env) };
}

/**
 * An edited server with the secrets it was not shown with.
 *
 * @throws {AppError} `bad_settings` when a masked value belongs to nothing that is stored.
 */
export function unmaskedServer(edited: McpServer, stored: McpServer | null): McpServer {
  if (edited.type !== "stdio") {
    const before = stored && stored.type !== "stdio" ? stored : null;
    return {
      ...edited,
      url: restored(edited.url, before ? [before.url] : [], maskedUrl, "the URL"),
      headers: restoredMap(edited.headers, before?.headers),
    };
  }
  const before = stored?.type === "stdio" ? stored : null;
  return {
    ...edited,
    args: restoredArgs(edited.args, before?.args ?? []),
    env: restoredMap(edited.env, before?.env),
  };
}

/** Arguments may have moved; each stored one comes back once, for several may look the same. */
function restoredArgs(shown: readonly string[], stored: readonly string[]): string[] {
  const left = stored.map((arg, index, all) => ({ arg, masked: maskedArg(arg, index, all) }));
  return shown.map((text, index) => {
    if (!text.includes(SECRET_MARK)) return text;
    const at = left.findIndex(({ arg, masked }) => masked === text || arg === text);
    const [found] = at < 0 ? [] : left.splice(at, 1);
    return found?.arg ?? hidden(`argument ${index + 1}`);
  });
}

/** Who looks at a value cannot know whether it is secret; so none is shown. */
function maskedMap(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(map).map(([name, value]) => [name, value === "" ? "" : SECRET_MARK]),
  );
}

function restoredMap(
  shown: Readonly<Record<string, string>>,
  stored: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(shown).map(([name, value]) => [
      name,
      restored(value, Object.hasOwn(stored, name) ? [stored[name]!] : [], () => SECRET_MARK, name),
    ]),
  );
}

/** Login and query of an address; what stands before them says enough. */
function maskedUrl(url: string): string {
  return url.replace(/^(\w+:\/\/)[^@/?#]*@/, `$1${SECRET_MARK}@`)
    .replace(/([?&][^=&#]*=)[^&#]+/g, `$1${SECRET_MARK}`);
}

/** `--token=x`, the argument after `--token`, an address with a login, and what looks like a key. */
function maskedArg(arg: string, index: number, all: readonly string[]): string {
  const given = /^(--?[\w-]+=)(.+)$/s.exec(arg);
  if (given) {
    const [, name = "", value = ""] = given;
    const secret = isSecretName(name.replace(/[^\w]/g, " "), value) || isSecretHeader("", value);
    return secret ? name + SECRET_MARK : name + maskedUrl(value);
  }
  const flag = /^--?([\w-]+)$/.exec(all[index - 1] ?? "")?.[1];
  if (flag && !arg.startsWith("-") && isSecretName(flag, arg)) return SECRET_MARK;
  return isSecretHeader("", arg) ? SECRET_MARK : maskedUrl(arg);
}

function restored(
  shown: string,
  stored: readonly string[],
  mask: (stored: string) => string,
  what: string,
): string {
  if (!shown.includes(SECRET_MARK)) return shown;
  return stored.find((value) => value === shown || mask(value) === shown) ?? hidden(what);
}

function hidden(what: string): never {
  throw new AppError("bad_settings", `Enter the value of ${what} again: it is hidden here`);
}
