import { assertEquals } from "../../tests/support/assert.ts";
import { join } from "../platform/std/path.ts";
import { findLogins, providersOf } from "./login.ts";

/** A home with these files. */
async function withHome(
  files: Readonly<Record<string, string>>,
  test: (home: string) => Promise<void>,
): Promise<void> {
  const home = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(join(home, path, ".."), { recursive: true });
      await Deno.writeTextFile(join(home, path), text);
    }
    await test(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

Deno.test("findLogins() finds each agent's own login, and who answers follows from it", () =>
  withHome({ ".codex/auth.json": "{}" }, async (home) => {
    const logins = await findLogins(home, { ANTHROPIC_API_KEY: "x" });
    assertEquals(logins, { claude: "key in ANTHROPIC_API_KEY", codex: "Codex login" });
    assertEquals(providersOf(logins), { claude: "own_login", codex: "own_login" });
    const elsewhere = await findLogins(home, { CODEX_HOME: join(home, "other") });
    assertEquals(elsewhere.codex, null);
    assertEquals(providersOf(elsewhere).codex, "demo");
  }));

Deno.test("findLogins() takes a provider of Codex' configuration whose key is there", () => {
  const config = 'model_provider = "mine"\n[model_providers.mine]\nenv_key = "MY_KEY"\n';
  return withHome({ ".codex/config.toml": config }, async (home) => {
    assertEquals((await findLogins(home, { MY_KEY: "k" })).codex, "key in MY_KEY");
    assertEquals((await findLogins(home, {})).codex, null);
  });
});

Deno.test("findLogins() does not take OPENAI_API_KEY for a login: Codex does not use it", () =>
  withHome({ ".codex/config.toml": '# env_key = "OPENAI_API_KEY"\n' }, async (home) => {
    assertEquals((await findLogins(home, { OPENAI_API_KEY: "k" })).codex, null);
  }));
