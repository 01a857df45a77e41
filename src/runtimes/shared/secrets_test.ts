import { assertEquals } from "../../../tests/support/assert.ts";
import { resolveSecret } from "./secrets.ts";

const KEY = "12345678901234567890123456789012";
const IV = "1234567890123456";

async function encrypt(text: string, key = KEY, iv = IV): Promise<string> {
  const encoder = new TextEncoder();
  const imported = await crypto.subtle.importKey("raw", encoder.encode(key), "AES-CBC", false, [
    "encrypt",
  ]);
  const bytes = await crypto.subtle.encrypt(
    { name: "AES-CBC", iv: encoder.encode(iv) },
    imported,
    encoder.encode(text),
  );
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}

Deno.test("resolveSecret() reads a variable, empty when it is not set", async () => {
  assertEquals(await resolveSecret("${MY_KEY}", { MY_KEY: "k" }), "k");
  assertEquals(await resolveSecret("${MY_KEY}", {}), "");
  assertEquals(await resolveSecret("x${MY_KEY}", { MY_KEY: "k" }), "x${MY_KEY}");
});

Deno.test("resolveSecret() decrypts with the default or the configured key", async () => {
  assertEquals(await resolveSecret(await encrypt("sk-grün"), {}), "sk-grün");
  const other = { GIT_TOKEN_AES_KEY: KEY.replace("1", "x"), GIT_TOKEN_AES_IV: IV };
  const text = await encrypt("secret", other.GIT_TOKEN_AES_KEY);
  assertEquals(await resolveSecret(text, other), "secret");
  assertEquals(await resolveSecret(text, {}), text);
});

Deno.test("resolveSecret() never mangles a plain key", async () => {
  const plain = ["", "***", "sk-ant-123", "abcd", "QUJDREVGR0hJSktMTU5PUA==", "A".repeat(64)];
  for (const key of plain) assertEquals(await resolveSecret(key, {}), key);
});
