import { assert, assertEquals, assertRejects } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import { executeRequest } from "../../protocol/mod.ts";
import { codexServer } from "./mcp.ts";
import { toml } from "./overrides.ts";
import { buildPlan } from "./plan.ts";

const FACTS = {
  workdir: "/w",
  configDir: "/c",
  tempDir: "/t",
  stateDir: "/s",
  mark: "m",
  variables: {},
};
const MODEL = {
  model: "openai",
  api_format: "responses",
  model_id: "gpt-x",
  base_url: "https://api.example.com/v1//",
  api_key: "sk-0123456789",
};

interface Circumstances {
  readonly inherited?: Record<string, string>;
  readonly facts?: { readonly configDir: null };
}

const plan = (
  model: Record<string, unknown> = {},
  request: Record<string, unknown> = {},
  { inherited, facts }: Circumstances = {},
) =>
  buildPlan(
    executeRequest.parse({
      task_id: 1,
      subtask_id: 2,
      model_config: { ...MODEL, ...model },
      ...request,
    }),
    { ...FACTS, ...facts },
    { PATH: "/bin", HOME: "/nowhere", ...inherited },
  );

/** The values of the overrides by their keys. */
function overrides(args: readonly string[]): Record<string, string> {
  const values = args.filter((_, n) => args[n - 1] === "-c");
  return Object.fromEntries(values.map((text) => {
    const at = text.indexOf("=");
    return [text.slice(0, at), text.slice(at + 1)];
  }));
}

Deno.test("buildPlan() describes the provider, its key by environment only", async () => {
  const { args, env, secrets, thread } = await plan({
    provider: " my provider! ",
    display_name: "Mine",
  });
  const found = overrides(args);
  assertEquals(found["model_provider"], '"my-provider"');
  assertEquals(found["model_providers.my-provider.name"], '"Mine"');
  assertEquals(found["model_providers.my-provider.base_url"], '"https://api.example.com/v1"');
  assertEquals(found["model_providers.my-provider.wire_api"], '"responses"');
  assertEquals(found["model_providers.my-provider.env_key"], '"WEGENT_CODEX_API_KEY"');
  assertEquals(found["forced_login_method"], '"api"');
  assertEquals(found["model"], '"gpt-x"');
  assertEquals(found["analytics.enabled"], "false");
  assertEquals(found["features.shell_snapshot"], "false");
  assertEquals(args.at(-1), "app-server");
  assertEquals([env["WEGENT_CODEX_API_KEY"], env["CODEX_HOME"]], ["sk-0123456789", "/c"]);
  assert(secrets.includes("sk-0123456789") && !args.join(" ").includes("sk-0123456789"));
  assertEquals([thread["sandbox"], thread["approvalPolicy"]], ["danger-full-access", "never"]);
});

Deno.test("buildPlan() needs address and key; a key may be the name of a variable", async () => {
  for (const model of [{ base_url: " " }, { api_key: "" }, { api_key: "${NOPE}" }]) {
    assertEquals((await assertRejects(() => plan(model), AppError)).code, "codex_provider");
  }
  const { env } = await plan({ api_key: "${K}" }, {}, { inherited: { K: "sk-from-variable" } });
  assertEquals(env["WEGENT_CODEX_API_KEY"], "sk-from-variable");
  assertEquals(env["K"], undefined);
});

Deno.test("buildPlan() keeps headers out of the arguments and names those of a project", async () => {
  const headers = { "X.Team": "blue", bad: "a\r\nb: c", "wecode-source": "mine" };
  const { args, thread } = await plan({ default_headers: headers }, { project_id: 5 });
  assert(!args.join(" ").includes("blue"));
  assertEquals(thread["config"], {
    "model_providers.wecode-openai.http_headers": {
      "X.Team": "blue",
      "wecode-source": "mine",
      "wecode-action": "wegent",
      "wecode-executor": "codex",
      "wecode-project": "5",
    },
    model_reasoning_effort: "medium",
  });
});

Deno.test("buildPlan() gives the owner's login nothing but the model", async () => {
  const own = { runtime_config: { codex: { use_user_config: true } }, api_key: "sk-unused-000" };
  const inherited = { OPENAI_API_KEY: "sk-owner-0123456", CODEX_HOME: "/own", SECRET: "x" };
  const { args, env, thread, home } = await plan(own, {}, {
    inherited,
    facts: { configDir: null },
  });
  const keys = Object.keys(overrides(args)).filter((key) => /^(?:model|forced)/.test(key));
  assertEquals(keys, ["model"]);
  assertEquals([env["OPENAI_API_KEY"], env["CODEX_HOME"], env["SECRET"]], [
    "sk-owner-0123456",
    "/s/codex-home",
    undefined,
  ]);
  assertEquals(home, { dir: "/s/codex-home", owner: "/own" });
  assert(!JSON.stringify([args, env, thread]).includes("sk-unused-000"));
  assertEquals(thread["modelProvider"], undefined);
  const managed = await plan({}, {}, { inherited, facts: { configDir: null } });
  assertEquals(managed.env["OPENAI_API_KEY"], undefined);
  assertEquals((await plan()).home, null);
  assertEquals(overrides(managed.args)["forced_login_method"], undefined);
});

Deno.test("buildPlan() sets all proxy variables, and refuses a proxy it cannot use", async () => {
  const use = (url: string) => ({ proxy: { url }, runtime_config: { codex: { use_proxy: true } } });
  const { env, secrets } = await plan(use("http://u:pass-word-1@proxy:8080"));
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]) {
    assertEquals(env[name], "http://u:pass-word-1@proxy:8080");
    assertEquals(env[name.toLowerCase()], "http://u:pass-word-1@proxy:8080");
  }
  assertEquals(env["NO_PROXY"], "localhost,127.0.0.1,::1,host.docker.internal");
  assert(secrets.includes("pass-word-1"));
  const kept = await plan(use("socks5://proxy:1"), {}, { inherited: { no_proxy: "mine" } });
  assertEquals([kept.env["NO_PROXY"], kept.env["no_proxy"]], ["mine", "mine"]);
  for (const url of ["ftp://proxy", "proxy:80", `http://p/${"x".repeat(2048)}`]) {
    assertEquals((await assertRejects(() => plan(use(url)), AppError)).code, "codex_proxy");
  }
  const without = { proxy: { url: "http://proxy:1" }, runtime_config: { codex: {} } };
  assertEquals((await plan(without)).env["HTTP_PROXY"], undefined);
});

Deno.test("buildPlan() keeps a model on this machine away from the owner's proxy", async () => {
  const inherited = { HTTP_PROXY: "http://proxy:1", no_proxy: "mine" };
  const local = await plan({ base_url: "http://127.0.0.1:5/v1" }, {}, { inherited });
  assertEquals(local.env["NO_PROXY"], "mine,127.0.0.1,localhost,::1");
  assertEquals(local.env["no_proxy"], local.env["NO_PROXY"]);
  const far = await plan({}, {}, { inherited });
  assertEquals([far.env["NO_PROXY"], far.env["no_proxy"]], [undefined, "mine"]);
});

Deno.test("buildPlan() spares Codex the system's certificates where all it talks to is plain and near", async () => {
  const near = { base_url: "http://127.0.0.1:5/v1" };
  const spared = async (
    model: Record<string, unknown>,
    servers: Record<string, unknown> = {},
    circumstances: Circumstances = {},
  ) => {
    const { args, env, files } = await plan(
      model,
      { bot: [{ mcp_servers: servers }] },
      circumstances,
    );
    const found = env["SSL_CERT_FILE"] === "/s/no-roots.pem";
    assertEquals(files.map(({ path }) => path), found ? ["/s/no-roots.pem"] : []);
    const excluded = overrides(args)["shell_environment_policy.exclude"] ?? "";
    assertEquals(excluded.includes("SSL_CERT_FILE"), found);
    return found;
  };
  const linux = Deno.build.os === "linux";
  assertEquals(await spared(near), linux);
  assertEquals(await spared(near, { s: { url: "http://localhost:9/mcp" } }), linux);
  assertEquals(await spared(near, { s: { command: "x" } }), false);
  assertEquals(await spared({}), false);
  assertEquals(await spared(near, { s: { url: "https://localhost/mcp" } }), false);
  assertEquals(await spared(near, { s: { url: "http://mcp.example.com" } }), false);
  assertEquals(await spared(near, {}, { facts: { configDir: null } }), false);
  for (const name of ["SSL_CERT_FILE", "SSL_CERT_DIR", "CODEX_CA_CERTIFICATE"]) {
    assertEquals(await spared(near, {}, { inherited: { [name]: "/mine" } }), false);
  }
});

Deno.test("buildPlan() gives equal fingerprints to requests that differ in their turn only", async () => {
  const a = await plan({ model_id: "one", reasoning: "low" }, { prompt: "a" });
  const b = await plan({ model_id: "two", reasoning: "high" }, { prompt: "b" });
  assertEquals(a.fingerprint, b.fingerprint);
  for (
    const other of [
      await plan({ base_url: "https://other.example.com" }),
      await plan({ api_key: "sk-another-key" }),
      await plan({}, { system_prompt: "Be brief" }),
      await plan({}, { bot: [{ mcp_servers: { s: { command: "x" } } }] }),
    ]
  ) assert(other.fingerprint !== a.fingerprint);
});

Deno.test("buildPlan() lets the device's owner narrow the sandbox and not widen it", async () => {
  const sandbox = async (value: string) =>
    (await plan({}, {}, { inherited: { WEGENT_CODEX_SANDBOX: value } })).thread["sandbox"];
  assertEquals(await sandbox("read-only"), "read-only");
  assertEquals(await sandbox("workspace-write"), "workspace-write");
  const error = await assertRejects(() => sandbox("none"), AppError);
  assertEquals(error.code, "codex_sandbox");
});

Deno.test("buildPlan() tells instructions and knowledge, and nothing when there is neither", async () => {
  const both = await plan({}, { system_prompt: " A ", kb_meta_prompt: "B" });
  assertEquals(both.thread["developerInstructions"], "A\n\nB");
  assertEquals((await plan()).thread["developerInstructions"], undefined);
});

Deno.test("codexServer() takes both kinds of records by any of their names", () => {
  assertEquals(codexServer({ command: "x", args: ["a", 1], env: { B: "2", A: null, C: 3 } }), {
    command: "x",
    args: ["a", "1"],
    env: { B: "2", C: "3" },
  });
  assertEquals(
    codexServer({
      type: "sse",
      base_url: "http://s",
      bearerTokenEnvVar: "T",
      oauth_client_id: "c",
      oauthResource: "r",
      headers: { A: "b" },
    }),
    {
      url: "http://s",
      bearer_token_env_var: "T",
      oauth_client_id: "c",
      oauth_resource: "r",
      http_headers: { A: "b" },
    },
  );
  for (const server of [{}, { type: "stdio" }, { url: "" }, { command: 5 }]) {
    assertEquals(codexServer(server), null);
  }
});

Deno.test("toml() quotes every text, so that none is taken for something else", () => {
  for (const text of ["5", "true", "a=b", 'q"\\', "line\nbreak", "日本"]) {
    assertEquals(toml(text), JSON.stringify(text));
  }
  assertEquals(toml("\x7f\ud800"), '"\\u007f\ufffd"');
  assertEquals(toml({ a: ["x", 1], b: false }), '{"a"=["x",1],"b"=false}');
});
