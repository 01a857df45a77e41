/** API keys as a server sends them: plain, by the name of a variable, or encrypted. */

/** Development defaults a Wegent installation uses when it sets no keys of its own. */
const DEFAULT_KEY = "12345678901234567890123456789012";
const DEFAULT_IV = "1234567890123456";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})+$|^(?:[A-Za-z0-9+/]{4})*[A-Za-z0-9+/]{2,3}={1,2}$/;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Resolves `value`: exactly `${NAME}` is the variable of that name ("" when unset); base64 whose
 * decoded length is a positive multiple of 16 is decrypted (AES-256-CBC, key `GIT_TOKEN_AES_KEY`, iv
 * `GIT_TOKEN_AES_IV`); anything else, and anything that does not decrypt to text, is the key itself.
 */
export async function resolveSecret(value: string, env: Env): Promise<string> {
  const name = value.match(/^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/)?.[1];
  if (name) return env[name] ?? "";
  const bytes = decodeBase64(value);
  if (!bytes || bytes.length === 0 || bytes.length % 16 !== 0) return value;
  return await decrypt(bytes, env) ?? value;
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return null;
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

async function decrypt(
  bytes: Uint8Array<ArrayBuffer>,
  env: Env,
): Promise<string | null> {
  const encoder = new TextEncoder();
  const key = encoder.encode(env["GIT_TOKEN_AES_KEY"] || DEFAULT_KEY);
  const iv = encoder.encode(env["GIT_TOKEN_AES_IV"] || DEFAULT_IV);
  try {
    const imported = await crypto.subtle.importKey("raw", key, "AES-CBC", false, [
      "decrypt",
    ]);
    const plain = await crypto.subtle.decrypt(
      { name: "AES-CBC", iv },
      imported,
      bytes,
    );
    return new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch (error) {
    // Wrong padding, key length or UTF-8: it was no ciphertext of ours but a plain key.
    if (error instanceof DOMException || error instanceof TypeError) return null;
    throw error;
  }
}
