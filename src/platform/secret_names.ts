/** Which variables, headers and members hold a secret, judged by their names. */

const SECRET_LAST = new Set(
  ("key apikey accesskey token secret password passwd pass passphrase credential credentials auth " +
    "authorization authtoken cookie pat jwt bearer").split(" "),
);
/** `PASSWORD_FILE`, `SECRET_NAME` and the like say where or what, not the secret. */
const TELLING_LAST = new Set(
  "file path dir url uri host id name type sock ttl count env helper".split(" "),
);
const SECRET_ANYWHERE = new Set(["password", "passwd", "secret", "apikey"]);
const PUBLIC = new Set(["public", "primary", "foreign", "idempotency"]);
/** A member that is just called `key` may be anything; a key has this length. */
const MIN_KEY_UNITS = 16;

/**
 * True when a value of that name is a secret: `ANTHROPIC_API_KEY`, `x-goog-api-key`, `gitToken`, but not
 * `MAX_TOKENS`, `GIT_AUTHOR_NAME` or `PASSWORD_FILE`.
 */
export function isSecretName(name: string, value: string): boolean {
  if (/^GIT_CONFIG_(?:KEY|VALUE)_\d+$/.test(name)) return false;
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase().split(/[^a-z]+/)
    .filter((word) => word !== "");
  const last = words.at(-1) ?? "";
  if (words.length === 1 && last === "key") return value.length >= MIN_KEY_UNITS;
  if (words.some((word) => PUBLIC.has(word)) || TELLING_LAST.has(last)) return false;
  return SECRET_LAST.has(last) || words.some((word) => SECRET_ANYWHERE.has(word));
}

/** True when a header of that name, or what it says, looks like a secret. */
export function isSecretHeader(name: string, value: string): boolean {
  return isSecretName(name, value) ||
    (value.length >= 20 && /\d/.test(value) && /^[\w.~+=-]+$/.test(value));
}

/** The secret of a value: without the scheme of a header. Null for a reference such as `${NAME}`. */
export function secretIn(value: string): string | null {
  const secret = value.trim().replace(/^(?:Bearer|Basic|Token|token)\s+/, "");
  return secret === "" || /\$\{.*\}/.test(secret) ? null : secret;
}

/** User and password of an address count as secrets, plain and as they are written there. */
export function secretsInUrl(text: string): string[] {
  const password = URL.parse(text)?.password;
  if (!password) return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch (error) {
    // A stray percent sign: it is no code then.
    if (error instanceof URIError) return [password];
    throw error;
  }
}
