/**
 * The owner's own Claude login: `~/.claude/.credentials.json`.
 *
 * The CLI renews it a few minutes before it ends, by a file it makes in `~/.claude`. In its box it may not
 * make one there (settings and hooks lie in that directory), so a renewed login would be lost, and with it
 * the owner's: a refresh token is good once. So the agent in the box gets the access token by its
 * environment, where the CLI never renews it, and the program renews the login beforehand, by the CLI
 * itself, without a model or an agent.
 *
 * Source: measured with Claude Code 2.1.197 (`initialize` renews a login that ends within five minutes;
 * `CLAUDE_CODE_OAUTH_TOKEN` wins over the file, which is then neither read nor written).
 */
import * as z from "zod";
import { parseJson, readTextIfExists } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";

type Env = Readonly<Record<string, string | undefined>>;

const credentials = z.looseObject({
  claudeAiOauth: z.looseObject({
    accessToken: z.string().min(1),
    refreshToken: z.string().min(1),
    expiresAt: z.number(),
    scopes: z.array(z.string()).nullish().catch(null),
    subscriptionType: z.string().nullish().catch(null),
    rateLimitTier: z.string().nullish().catch(null),
  }),
});
type Login = z.infer<typeof credentials>["claudeAiOauth"];

/** Variables that name another login: the file does not count then. */
const OTHERS = [
  "ANTHROPIC_API_KEY",
  "ANTHROPIC_AUTH_TOKEN",
  "CLAUDE_CODE_OAUTH_TOKEN",
  "CLAUDE_CODE_USE_BEDROCK",
  "CLAUDE_CODE_USE_VERTEX",
];

/** The CLI renews a login that ends within five minutes; a little less, so that it surely does. */
export const RENEW_BEFORE_MS = 4.5 * 60_000;

/** Arguments and input with which the CLI loads, and thereby renews the login, and does nothing else. */
export const RENEWAL = {
  args: [
    ..."-p --input-format stream-json --output-format stream-json --verbose".split(" "),
    "--setting-sources",
    "",
    "--strict-mcp-config",
    "--no-session-persistence",
  ],
  input: JSON.stringify({
    type: "control_request",
    request_id: "login",
    request: { subtype: "initialize" },
  }) + "\n",
} as const;

/** The owner's configuration directory. */
export function ownerDirectory(env: Env): string | null {
  const home = env["HOME"] || env["USERPROFILE"];
  return env["CLAUDE_CONFIG_DIR"] || (home ? join(home, ".claude") : null);
}

/** The login in the owner's home that the CLI would have to renew some day; null: there is none. */
function ownerLogin(env: Env): Login | null {
  if (OTHERS.some((name) => env[name])) return null;
  const dir = ownerDirectory(env);
  if (dir === null) return null;
  const text = readLogin(join(dir, ".credentials.json"));
  const parsed = credentials.safeParse(text ? parseJson(text) : null);
  return parsed.success ? parsed.data.claudeAiOauth : null;
}

function readLogin(path: string): string | null {
  try {
    return readTextIfExists(path);
  } catch (error) {
    // The preset `strict` keeps it from the host as well.
    if (error instanceof Deno.errors.PermissionDenied) return null;
    throw error;
  }
}

/** When the owner's login ends, in Unix milliseconds; null: there is none that is renewed. */
export function loginEnd(env: Env): number | null {
  return ownerLogin(env)?.expiresAt ?? null;
}

/** The login as variables, without what renews it; empty where it is not in the owner's home. */
export function loginVariables(env: Env): Record<string, string> {
  const login = ownerLogin(env);
  if (!login) return {};
  const { accessToken, scopes, subscriptionType, rateLimitTier } = login;
  return {
    CLAUDE_CODE_OAUTH_TOKEN: accessToken,
    ...(scopes && { CLAUDE_CODE_OAUTH_SCOPES: scopes.join(" ") }),
    ...(subscriptionType && { CLAUDE_CODE_SUBSCRIPTION_TYPE: subscriptionType }),
    ...(rateLimitTier && { CLAUDE_CODE_RATE_LIMIT_TIER: rateLimitTier }),
  };
}
