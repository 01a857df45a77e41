import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { executeRequest } from "../../protocol/mod.ts";
import { buildEnvironment } from "./environment.ts";

const FACTS = {
  configDir: "/w/.claude",
  tempDir: "/s/tmp",
  variables: {},
  mark: "h1",
  workdir: "/w",
};

/** Builds the environment for a bot with this model configuration. */
function build(
  env: Record<string, unknown> | null,
  inherited: Record<string, string> = {},
  more: Record<string, unknown> = {},
) {
  const bot = env === null ? [] : [{ agent_config: { env } }];
  return buildEnvironment(
    executeRequest.parse({ task_id: 1, subtask_id: 2, bot, ...more }),
    FACTS,
    inherited,
  );
}

Deno.test("buildEnvironment() takes over what is listed and nothing else", async () => {
  const inherited = {
    PATH: "/bin",
    LC_ALL: "C",
    XDG_CACHE_HOME: "/c",
    GIT_AUTHOR_NAME: "A",
    WEGENT_AUTH_TOKEN: "secret-token",
    WEGENT_AGENT_MARK: "other",
    GIT_TOKEN_AES_KEY: "k",
    DATABASE_URL: "x",
    LD_PRELOAD: "/evil.so",
    CLAUDECODE: "1",
    CLAUDE_CODE_SESSION_ID: "x",
  };
  const { env } = await build({ model: "claude", model_id: "m" }, inherited);
  for (const name of ["PATH", "LC_ALL", "XDG_CACHE_HOME", "GIT_AUTHOR_NAME"] as const) {
    assertEquals(env[name], inherited[name]);
  }
  for (
    const name of [
      "WEGENT_AUTH_TOKEN",
      "GIT_TOKEN_AES_KEY",
      "DATABASE_URL",
      "LD_PRELOAD",
      "CLAUDECODE",
      "CLAUDE_CODE_SESSION_ID",
    ]
  ) assertEquals(env[name], undefined, name);
  assertEquals(env["WEGENT_AGENT_MARK"], "h1");
  assertEquals([env["TMPDIR"], env["CLAUDE_CODE_TMPDIR"], env["PWD"]], ["/s/tmp", "/s/tmp", "/w"]);
  assertEquals([env["CLAUDE_CONFIG_DIR"], env["SKILLS_DIR"]], ["/w/.claude", "/w/.claude/skills"]);
});

Deno.test("buildEnvironment() maps a server's model configuration and drops the owner's login", async () => {
  const { env, ownLogin, secrets } = await build({
    model: "claude",
    model_id: "claude-opus-4-8",
    api_key: "plain-key",
    base_url: "https://gateway.example/v1",
    small_model: null,
    api_format: "anthropic",
    EXTRA_SETTING: { a: 1 },
    CLAUDE_CODE_MAX_RETRIES: 7,
  }, {
    ANTHROPIC_API_KEY: "the-owners",
    ANTHROPIC_MODEL: "x",
    AWS_SECRET_ACCESS_KEY: "aws-secret",
  });
  assertEquals(ownLogin, false);
  assertEquals(env["ANTHROPIC_AUTH_TOKEN"], "plain-key");
  assertEquals(env["ANTHROPIC_API_KEY"], undefined);
  assertEquals(env["AWS_SECRET_ACCESS_KEY"], undefined);
  assertEquals(env["ANTHROPIC_BASE_URL"], "https://gateway.example");
  assertEquals(env["ANTHROPIC_MODEL"], "claude-opus-4-8");
  assertEquals(env["ANTHROPIC_DEFAULT_HAIKU_MODEL"], "claude-opus-4-8");
  assertEquals(env["EXTRA_SETTING"], '{"a":1}');
  assertEquals(env["api_format"], undefined);
  assertEquals(env["CLAUDE_CODE_MAX_RETRIES"], "7");
  assertEquals(secrets.includes("plain-key"), true);
});

Deno.test("buildEnvironment() uses a configuration without a model as it is, but no loader variables", async () => {
  const { env } = await build({
    ANTHROPIC_API_KEY: "given-key",
    LD_PRELOAD: "/evil.so",
    NODE_OPTIONS: "--require x",
    PATH: "/evil",
    WEGENT_AGENT_MARK: "no",
    CLAUDE_CONFIG_DIR: "/evil",
    "BAD NAME": "x",
  }, { PATH: "/bin" });
  assertEquals(env["ANTHROPIC_API_KEY"], "given-key");
  assertEquals([env["LD_PRELOAD"], env["NODE_OPTIONS"], env["BAD NAME"]], [
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals([env["PATH"], env["WEGENT_AGENT_MARK"], env["CLAUDE_CONFIG_DIR"]], [
    "/bin",
    "h1",
    "/w/.claude",
  ]);
});

Deno.test("buildEnvironment() leaves the owner's login to a request without a configuration", async () => {
  for (const given of [null, {}]) {
    const { env, ownLogin } = await buildEnvironment(
      executeRequest.parse({
        task_id: 1,
        subtask_id: 2,
        bot: given === null ? null : [{ agent_config: given }],
        skill_identity_token: "token",
      }),
      { ...FACTS, configDir: null },
      { ANTHROPIC_API_KEY: "the-owners", CLAUDE_CONFIG_DIR: "/own", HOME: "/h" },
    );
    assertEquals(ownLogin, true);
    assertEquals(env["ANTHROPIC_API_KEY"], "the-owners");
    assertEquals(env["CLAUDE_CONFIG_DIR"], "/own");
    assertEquals([env["SKILLS_DIR"], env["WEGENT_SKILL_IDENTITY_TOKEN"]], [undefined, undefined]);
  }
});

Deno.test("buildEnvironment() keeps a loopback model off the proxy and turns telemetry off", async () => {
  const { env, secrets } = await build(
    { model: "c", model_id: "m", base_url: "http://127.0.0.1:9" },
    { HTTPS_PROXY: "http://u:pass%20word@proxy:1", no_proxy: "intern" },
  );
  assertEquals(env["NO_PROXY"], "intern,127.0.0.1,localhost,::1");
  assertEquals(env["no_proxy"], env["NO_PROXY"]);
  assertEquals(env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"], "1");
  assertEquals(env["CLAUDE_CODE_MAX_RETRIES"], "3");
  assertEquals(secrets.includes("pass word") && secrets.includes("pass%20word"), true);
  const own = await build({ A: "1" }, { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "0" });
  assertEquals(own.env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"], "0");
});

Deno.test("buildEnvironment() adds default headers and lets no line break through", async () => {
  const { env } = await build({
    model: "c",
    model_id: "m",
    default_headers: { "X-A": "1", "X-B": "grün", "X-Evil": "a\r\nX-C: 2" },
    ANTHROPIC_CUSTOM_HEADERS: "x-a: mine\nX-D: 4",
  });
  assertEquals(env["ANTHROPIC_CUSTOM_HEADERS"], "x-a: mine\nX-D: 4\nX-B: grün");
  assertEquals(env["DEFAULT_HEADERS"], '{"X-A":"1","X-B":"gr\\u00fcn"}');
});

Deno.test("buildEnvironment() tells a server which project its requests belong to", async () => {
  const env = {
    model: "claude",
    api_key: "k",
    default_headers: { "Wecode-Source": "mine", "wecode-project": "9", other: "x" },
  };
  const request = (more: Record<string, unknown>) =>
    executeRequest.parse({ task_id: 1, subtask_id: 2, bot: [{ agent_config: { env } }], ...more });
  const project = await buildEnvironment(request({ project_id: 3 }), FACTS, {});
  assertEquals(JSON.parse(project.env["default_headers"] ?? "{}"), {
    "Wecode-Source": "mine",
    "wecode-project": "3",
    other: "x",
    "wecode-action": "wegent",
    "wecode-executor": "claudecode",
  });
  assert(project.env["ANTHROPIC_CUSTOM_HEADERS"]?.includes("wecode-project: 3"));
  const plain = await buildEnvironment(request({}), FACTS, {});
  assertEquals(JSON.parse(plain.env["default_headers"] ?? "{}")["wecode-action"], undefined);
});
