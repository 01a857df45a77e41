import { assertEquals } from "../../../tests/support/assert.ts";
import { loginEnd, loginVariables } from "./owner_login.ts";

function withHome(test: (home: string, save: (login: unknown) => void) => void): void {
  const home = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${home}/.claude`);
    test(home, (login) =>
      Deno.writeTextFileSync(
        `${home}/.claude/.credentials.json`,
        typeof login === "string" ? login : JSON.stringify({ claudeAiOauth: login }),
      ));
  } finally {
    Deno.removeSync(home, { recursive: true });
  }
}

const LOGIN = {
  accessToken: "a-token",
  refreshToken: "r-token",
  expiresAt: 1000,
  scopes: ["x", "y"],
};

Deno.test("loginVariables() hands on what the CLI needs and not what renews the login", () =>
  withHome((HOME, save) => {
    assertEquals([loginVariables({ HOME }), loginEnd({ HOME })], [{}, null]);
    save({ ...LOGIN, subscriptionType: "max", rateLimitTier: null });
    assertEquals(loginVariables({ HOME }), {
      CLAUDE_CODE_OAUTH_TOKEN: "a-token",
      CLAUDE_CODE_OAUTH_SCOPES: "x y",
      CLAUDE_CODE_SUBSCRIPTION_TYPE: "max",
    });
    assertEquals(loginEnd({ HOME }), 1000);
    assertEquals(loginEnd({ CLAUDE_CONFIG_DIR: `${HOME}/.claude` }), 1000);
  }));

Deno.test("loginVariables() leaves every other kind of login to the CLI", () =>
  withHome((HOME, save) => {
    save(LOGIN);
    for (
      const name of ["ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK"]
    ) {
      assertEquals([loginVariables({ HOME, [name]: "1" }), loginEnd({ HOME, [name]: "1" })], [
        {},
        null,
      ]);
    }
    for (
      const broken of ["", "{", "{}", { ...LOGIN, refreshToken: "" }, { ...LOGIN, expiresAt: "x" }]
    ) {
      save(broken);
      assertEquals(loginVariables({ HOME }), {});
    }
    assertEquals(loginVariables({}), {});
  }));
