import { assertEquals } from "../../tests/support/assert.ts";
import { isSecretHeader, isSecretName, secretIn, secretsInUrl } from "./secret_names.ts";

Deno.test("isSecretName() knows secrets by their names", () => {
  const secret =
    "ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN GH_TOKEN AWS_SECRET_ACCESS_KEY x-api-key " +
    "gitToken Authorization PGPASSWORD_PASSWORD DB_PASSWORD OPENAI_API_KEY_2 client_secret Cookie";
  const open = "MAX_THINKING_TOKENS CLAUDE_CODE_MAX_OUTPUT_TOKENS GIT_AUTHOR_NAME SSH_AUTH_SOCK " +
    "GIT_CONFIG_KEY_0 PASSWORD_FILE GOOGLE_APPLICATION_CREDENTIALS_FILE PUBLIC_KEY AWS_ACCESS_KEY_ID " +
    "key tokenizer author content-type";
  for (const name of secret.split(" ")) assertEquals(isSecretName(name, "value"), true, name);
  for (const name of open.split(" ")) assertEquals(isSecretName(name, "value"), false, name);
  assertEquals(isSecretName("key", "0123456789abcdef"), true);
});

Deno.test("isSecretHeader() leaves ordinary headers alone", () => {
  assertEquals(isSecretHeader("accept", "application/json"), false);
  assertEquals(isSecretHeader("wecode-source", "wegent-local"), false);
  assertEquals(isSecretHeader("x-gateway", "a81bc81b-dead-4e5d-abff-90865d1e13b1"), true);
});

Deno.test("secretIn() takes the scheme off and leaves references alone", () => {
  assertEquals(secretIn("Bearer abc.def"), "abc.def");
  assertEquals(secretIn("${MY_KEY}"), null);
  assertEquals(secretIn("Bearer ${{task_token}}"), null);
});

Deno.test("secretsInUrl() gives a password as it is and as it is written", () => {
  assertEquals(secretsInUrl("http://me:p%40ss@proxy:3128"), ["p%40ss", "p@ss"]);
  assertEquals(secretsInUrl("http://me:100%25%zz@proxy:3128"), ["100%25%zz"]);
  assertEquals(secretsInUrl("http://proxy:3128"), []);
});
