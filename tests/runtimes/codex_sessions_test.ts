/** Conversations and logins of the real Codex CLI. */
import { join } from "../../src/platform/std/path.ts";
import { KeyForwarder } from "../../src/runtimes/forwarder/mod.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { CodexHarness, golden, KEY, type RunningTurn } from "../support/codex_harness.ts";
import { stdioServer } from "../support/mcp_server.ts";
import { environmentOf } from "../support/processes.ts";
import { ResponsesModel, script } from "../support/responses_model.ts";

Deno.test("a conversation of Codex goes on in a new process", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const first = harness.turn(`My name is Ada ${script({ text: "Hello Ada." })}`);
  await first.outcome();
  const id = first.sessions[0] ?? "";
  await harness.start({ kind: "resume", id, defaultModel: null });
  const second = harness.turn(`And now? ${script({ text: "Still here." })}`);
  const outcome = await second.outcome();
  assert(outcome.kind === "completed", JSON.stringify(outcome));
  assertEquals(outcome.completion.text, "Still here.");
  assertEquals(second.sessions, [id]);
  const sent = JSON.stringify(model.scripted.at(-1)?.body?.input);
  assert(sent.includes("My name is Ada") && sent.includes("Hello Ada."), sent);
});

Deno.test("a conversation of Codex that is open elsewhere is copied", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const first = harness.turn(`My name is Ada ${script({ text: "Hello Ada." })}`);
  await first.outcome();
  const id = first.sessions[0] ?? "";
  await using other = await CodexHarness.create({
    modelUrl: model.url,
    facts: { configDir: harness.facts.configDir },
  });
  await other.start({ kind: "resume", id, defaultModel: null });
  const copy = other.turn(`Who am I? ${script({ text: "Ada." })}`);
  const outcome = await copy.outcome();
  assert(outcome.kind === "completed", JSON.stringify(outcome));
  assert(copy.sessions[0] !== undefined && copy.sessions[0] !== id);
  const sent = JSON.stringify(model.scripted.at(-1)?.body?.input);
  assert(sent.includes("My name is Ada") && sent.includes("Hello Ada."), sent);
  const still = await harness.turn(script({ text: "Here." })).outcome();
  assertEquals(still.kind, "completed");
});

Deno.test("an unknown conversation of Codex is told as such, before anything is done", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  for (const id of ["01a1fbef-0000-7000-8000-000000000000", "no-thread"]) {
    await harness.start({ kind: "resume", id, defaultModel: null });
    const turn = harness.turn(script({ text: "No." }));
    assertEquals(await turn.outcome(), { kind: "unknown_session" });
    assertEquals(turn.sessions, []);
  }
  assertEquals(model.log.length, 0);
});

Deno.test("a message during a turn of Codex reaches the model in it", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const turn = harness.turn(script(
    { tools: [{ name: "exec_command", input: { cmd: "sleep 1" } }] },
    { text: "Done." },
  ));
  await turn.until(({ event }) => event === "response.output_item.added");
  assertEquals(turn.turn.steer(input("Use the blue one")), true);
  assertEquals((await turn.outcome()).kind, "completed");
  const sent = JSON.stringify(model.scripted.at(-1)?.body?.input);
  assert(sent.includes("Use the blue one"), sent);
  assertEquals(story(turn), ["input Use the blue one", "tool done", "text"]);
  assertEquals(turn.turn.steer(input("Too late")), false);
});

Deno.test("a message before the turn of Codex has begun is not lost", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const turn = harness.turn(script({ text: "One.", delayMs: 500 }, { text: "Two." }));
  assertEquals(turn.turn.steer(input("And the blue one")), true);
  const outcome = await turn.outcome();
  assert(outcome.kind === "completed");
  const sent = JSON.stringify(model.log.at(-1)?.body?.input);
  assert(sent.includes("And the blue one"), sent);
  assert(story(turn).includes("input And the blue one"), story(turn).join());
});

const input = (text: string) => ({ input_id: text, text });

/** What the person sees of messages, tools and text, in order. */
function story({ events }: RunningTurn): string[] {
  const lines = events.map(({ event, data }) => {
    if (event === "response.input.added") return `input ${data["text"]}`;
    if (event === "response.output_item.done") return "tool done";
    return event === "response.output_text.delta" ? "text" : "";
  });
  return lines.filter((line, i) => line !== "" && line !== lines[i - 1]);
}

// Libraries of the C runtime stay loaded.
Deno.test("Codex behind the forwarder has no real key, the model gets it", {
  sanitizeResources: false,
}, async () => {
  await using model = await ResponsesModel.start();
  const faults: string[] = [];
  const forwarder = new KeyForwarder({ onFault: (message) => faults.push(message) });
  try {
    await using harness = await CodexHarness.create({
      modelUrl: model.url,
      facts: { forward: forwarder },
      model: { default_headers: { "x-team": "blue", "x-api-token": "planted-abcdef-0123456789" } },
      env: {
        HTTP_PROXY: "http://127.0.0.1:9",
        HTTPS_PROXY: "http://127.0.0.1:9",
        NO_PROXY: "127.0.0.1",
      },
    });
    const plan = await harness.plan();
    assert(!JSON.stringify([plan.env, plan.fingerprint]).includes(KEY));
    assert(!JSON.stringify(plan.fingerprint).includes("planted-abcdef"));
    assert(plan.secrets.includes(KEY) && plan.secrets.includes("planted-abcdef-0123456789"));
    await harness.start();
    const cmd = "env; tr '\\0' '\\n' < /proc/$PPID/environ";
    const turn = harness.turn(script(
      { tools: [{ name: "exec_command", input: { cmd } }] },
      { text: "Done." },
    ));
    const outcome = await turn.outcome();
    assertEquals(outcome.kind, "completed", JSON.stringify([outcome, faults]));
    assert(!JSON.stringify(turn.events).includes(KEY));
    assert(!JSON.stringify(model.scripted.at(-1)?.body).includes(KEY));
    const headers: Readonly<Record<string, string>> = model.scripted[0]?.headers ?? {};
    assertEquals(headers["authorization"], `Bearer ${KEY}`);
    assertEquals([headers["x-team"], headers["x-api-token"]], [
      "blue",
      "planted-abcdef-0123456789",
    ]);
  } finally {
    forwarder.close();
  }
});

Deno.test("a command of Codex does not find the key in its environment, but the mark", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const turn = harness.turn(script(
    { tools: [{ name: "exec_command", input: { cmd: "env" } }] },
    { text: "Done." },
  ));
  await turn.outcome();
  const said = JSON.stringify(turn.events);
  assert(!said.includes(KEY), said);
  assert(said.includes(`WEGENT_AGENT_MARK=${harness.mark}`), said);
});

Deno.test("commands and MCP servers of Codex find the certificates Codex itself is spared", async () => {
  await using model = await ResponsesModel.start();
  const said = async (servers: Record<string, unknown>, env: Record<string, string> = {}) => {
    const request = { bot: [{ id: 1, mcp_servers: servers }] };
    await using harness = await CodexHarness.create({ modelUrl: model.url, request, env });
    const { pid } = await harness.start();
    const own = environmentOf(pid).get("SSL_CERT_FILE");
    const input = { text: "SSL_CERT_FILE" };
    const turn = harness.turn(script(
      { tools: [{ name: "exec_command", input: { cmd: "echo ${SSL_CERT_FILE-unset}" } }] },
      { tools: [{ name: "variable", namespace: "mcp__test", input }] },
      { text: "Done." },
    ));
    assertEquals((await turn.outcome()).kind, "completed");
    const outputs = golden(turn.events).filter(([name]) => name === "output_item.done");
    return { own, outputs: outputs.map(([, , , output]) => String(output).trim()) };
  };
  const spared = await said({});
  assertEquals(spared.own?.endsWith("/no-roots.pem"), Deno.build.os === "linux");
  assertEquals(spared.outputs[0], "unset");
  const served = await said({ test: stdioServer() });
  assertEquals([served.own, ...served.outputs], [undefined, "unset", "unset"]);
  const chosen = await said({ test: stdioServer() }, { SSL_CERT_FILE: ROOTS });
  assertEquals([chosen.own, ...chosen.outputs], [ROOTS, ROOTS, ROOTS]);
});

/** Where Debian has the certificates of the system. */
const ROOTS = "/etc/ssl/certs/ca-certificates.crt";

const CONFIG = `model_provider = "mine"
[model_providers.mine]
name = "mine"
base_url = "URL"
env_key = "MY_OWN_KEY"
wire_api = "responses"
[shell_environment_policy]
inherit = "core"
`;
const LOGIN = JSON.stringify({
  auth_mode: "chatgpt",
  OPENAI_API_KEY: null,
  tokens: {
    id_token: "e30.eyJlbWFpbCI6ImFAYi5jIn0.c2ln",
    access_token: "e30.e30.c2ln",
    refresh_token: "r",
    account_id: "a",
  },
  last_refresh: "2999-01-01T00:00:00Z",
});

/** A home of an owner who has configured Codex and logged in. */
async function ownHome(
  root: string,
  modelUrl: string,
  head = "",
): Promise<Record<string, string>> {
  const dir = join(root, "home/.codex");
  await Deno.mkdir(join(dir, "sessions"), { recursive: true });
  const files = { "config.toml": head + CONFIG.replace("URL", modelUrl), "auth.json": LOGIN };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(dir, name), text, { mode: 0o600 });
  }
  return files;
}

async function readHome(root: string, names: string[]): Promise<Record<string, string>> {
  const texts = names.map(async (name) =>
    [name, await Deno.readTextFile(join(root, "home/.codex", name)).catch(String)] as const
  );
  return Object.fromEntries(await Promise.all(texts));
}

Deno.test("Codex with its owner's login uses their configuration and changes none of it", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({
    modelUrl: "",
    model: { api_key: "", runtime_config: { codex: { use_user_config: true } } },
    facts: { configDir: null },
    env: { MY_OWN_KEY: "sk-of-the-owner-0123456", UNRELATED: "x" },
  });
  const files = await ownHome(harness.root, model.url);
  await harness.start();
  const turn = harness.turn(script(
    { tools: [{ name: "exec_command", input: { cmd: "env" } }] },
    { text: "Mine." },
  ));
  const outcome = await turn.outcome();
  assert(outcome.kind === "completed", JSON.stringify(outcome));
  assertEquals(model.scripted[0]?.headers["authorization"], "Bearer sk-of-the-owner-0123456");
  assert(JSON.stringify(turn.events).includes(`WEGENT_AGENT_MARK=${harness.mark}`));
  const plan = await harness.plan();
  assertEquals(plan.env["UNRELATED"], undefined);
  assert(plan.secrets.includes("sk-of-the-owner-0123456"));
  assertEquals(await readHome(harness.root, Object.keys(files)), files);
  const left = [...Deno.readDirSync(join(harness.root, "home/.codex"))].map(({ name }) => name);
  assertEquals(left.sort(), ["auth.json", "config.toml", "sessions"]);
  // A session with a state of its own finds the conversation of the owner.
  const state = join(harness.root, "state2");
  await Deno.mkdir(state);
  await using other = await CodexHarness.create({
    modelUrl: "",
    model: { api_key: "", runtime_config: { codex: { use_user_config: true } } },
    facts: { configDir: null, stateDir: state },
    env: { MY_OWN_KEY: "sk-of-the-owner-0123456", HOME: join(harness.root, "home") },
  });
  await harness.process.stop();
  await other.start({ kind: "resume", id: turn.sessions[0] ?? "", defaultModel: null });
  const again = await other.turn(script({ text: "Again." })).outcome();
  assertEquals(again.kind, "completed", JSON.stringify(again));
  assert(JSON.stringify(model.scripted.at(-1)?.body?.input).includes("Mine."));
});

Deno.test("Codex goes back to its owner's model when a message names none any more", async () => {
  await using model = await ResponsesModel.start();
  const own = (model_id: string) => ({
    model_config: {
      model: "openai",
      api_format: "responses",
      model_id,
      runtime_config: { codex: { use_user_config: true } },
    },
  });
  await using harness = await CodexHarness.create({
    modelUrl: "",
    request: own(""),
    facts: { configDir: null },
    env: { MY_OWN_KEY: "sk-of-the-owner-0123456" },
  });
  await ownHome(harness.root, model.url, 'model = "of-the-owner"\n');
  await harness.start();
  const named = harness.turn(script({ text: "One." }), {}, own("named"));
  await named.outcome();
  const fingerprints = [own("named"), own("other"), own("")].map((m) => harness.plan(m));
  const [a, b, none] = (await Promise.all(fingerprints)).map(({ fingerprint }) => fingerprint);
  assertEquals([a === b, a === none], [true, false]);
  await harness.start({ kind: "resume", id: named.sessions[0] ?? "", defaultModel: null });
  await harness.turn(script({ text: "Two." })).outcome();
  assertEquals(model.scripted.map(({ body }) => body?.model), ["named", "of-the-owner"]);
});

Deno.test("Codex with a key of the request in its owner's home leaves their login alone", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({
    modelUrl: model.url,
    facts: { configDir: null },
  });
  const files = await ownHome(harness.root, "http://127.0.0.1:9");
  await harness.start();
  const outcome = await harness.turn(script({ text: "Done." })).outcome();
  assertEquals(outcome.kind, "completed");
  assertEquals(model.scripted[0]?.headers["authorization"], `Bearer ${KEY}`);
  assertEquals(await readHome(harness.root, Object.keys(files)), files);
});

Deno.test("Codex goes through the proxy the request names", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({
    modelUrl: "http://model.invalid/v1",
    model: {
      runtime_config: { codex: { use_proxy: true } },
      proxy: { url: model.url.replace("/v1", "") },
    },
  });
  await harness.start();
  const outcome = await harness.turn(script({ text: "Done." })).outcome();
  assert(outcome.kind === "completed", JSON.stringify(outcome));
  assertMatch(model.scripted[0]?.path ?? "", /^http:\/\/model\.invalid\/v1\/responses$/);
});
