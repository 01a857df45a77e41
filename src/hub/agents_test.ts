/** Agent, model and settings of conversations: what the device is asked for. */
import { assert, assertEquals } from "../../tests/support/assert.ts";
import {
  HubFixture,
  type Peer,
  type StubDevice,
  StubRun,
  type Wire,
} from "../../tests/support/hub_fixture.ts";

const KEY = "sk-codex-0123456789";

async function world(hub: HubFixture) {
  const { token, key } = await hub.user("ann");
  const device = await hub.device(key, "dev-1");
  const page = await hub.browser(token);
  const put = (settings: unknown) => hub.call("PUT", "/api/settings", token, settings);
  return { token, device, page, put };
}

/** Sends a message, ends its turn, and gives the request. */
async function sent(page: Peer, device: StubDevice, message: object): Promise<Wire> {
  const ack = await page.ask("chat:send", { message: "go", ...message });
  assertEquals(ack.error, undefined);
  const request = await device.event(
    "task:execute",
    (r) => r.subtask_id === ack.assistant_subtask_id,
  );
  await new StubRun(device, request).complete("ok");
  return request;
}

Deno.test("a conversation has the agent it began with, and no other one", async () => {
  await using hub = await HubFixture.start();
  const { token, device, page } = await world(hub);
  const { task_id, bot, model_config } = await sent(page, device, { agent: "codex" });
  assertEquals([bot[0].name, bot[0].shell_type, bot[0].agent_config], ["Codex", "Codex", {}]);
  assertEquals(model_config, {
    model: "openai",
    api_format: "responses",
    runtime_config: { codex: { use_user_config: true, configured: true, use_proxy: false } },
  });
  const start = await page.event("chat:start", (e) => e.task_id === task_id);
  assertEquals([start.bot_name, start.shell_type], ["Codex", "Codex"]);
  const again = await sent(page, device, { task_id });
  assertEquals(again.bot[0].shell_type, "Codex");
  assertEquals(await page.ask("chat:send", { task_id, message: "x", agent: "claude" }), {
    error: "This conversation is with Codex; Claude Code does not know what was said in it. " +
      "Begin a new conversation",
  });
  assertEquals((await sent(page, device, { task_id, agent: "codex" })).task_id, task_id);
  const claude = await sent(page, device, {});
  assertEquals([claude.bot[0].name, claude.bot[0].shell_type], ["Claude Code", "ClaudeCode"]);
  const { body } = await hub.call("GET", "/api/tasks", token);
  assertEquals(
    body.items.map((t: Wire) => [t.task_id, t.agent]).sort(),
    [[task_id, "codex"], [claude.task_id, "claude"]].sort(),
  );
  const refused = await page.ask("chat:send", { message: "x", agent: "gemini" });
  assert(refused.error.includes('"agent"'), refused.error);
});

Deno.test("a model holds from its message on; null is the provider's own again", async () => {
  await using hub = await HubFixture.start();
  const { token, device, page, put } = await world(hub);
  const other = await hub.browser(token);
  const first = await sent(page, device, { model: "opus-9" });
  const { task_id } = first;
  // With the owner's login the configuration stays empty; the bot names the model.
  assertEquals([first.bot[0].model, first.bot[0].agent_config], ["opus-9", {}]);
  await other.ask("task:join", { task_id });
  assertEquals((await sent(page, device, { task_id })).bot[0].model, "opus-9");
  await put({ provider: "key", api_key: "sk-x", model: "usual" });
  assertEquals((await sent(page, device, { task_id })).model_config.model_id, "opus-9");
  assertEquals((await sent(page, device, { task_id, model: null })).model_config.model_id, "usual");
  await other.event("task:model", (e) => e.task_id === task_id && e.model === null);
  const { body } = await hub.call("GET", `/api/tasks/${task_id}`, token);
  assertEquals([body.task.model, body.task.effort], [null, null]);
  for (const model of ["", " ", "-p", "a\nb", "x".repeat(201), 5]) {
    assert((await page.ask("chat:send", { message: "x", model })).error.includes('"model"'));
  }
});

Deno.test("how much Codex thinks is a choice of the conversation; Claude has none", async () => {
  await using hub = await HubFixture.start();
  const { device, page } = await world(hub);
  const { task_id, model_config } = await sent(page, device, { agent: "codex", effort: "xhigh" });
  assertEquals(model_config.reasoning, "xhigh");
  assertEquals((await sent(page, device, { task_id })).model_config.reasoning, "xhigh");
  assertEquals(
    (await sent(page, device, { task_id, effort: null })).model_config.reasoning,
    undefined,
  );
  assert((await page.ask("chat:send", { message: "x", effort: "low" })).error.includes("Claude"));
  assert((await page.ask("chat:send", { message: "x", effort: "ultra" })).error.includes("effort"));
});

Deno.test("Codex with a key needs a model, and goes to OpenAI or to the address that is set", async () => {
  await using hub = await HubFixture.start();
  const { token, device, page, put } = await world(hub);
  const codex = { provider: "key", api_key: KEY };
  const refused = await put({ agents: { codex } });
  assertEquals([refused.status, refused.body.detail], [
    400,
    "Codex needs a model when it uses a key",
  ]);
  assertEquals((await put({ agents: { codex: { provider: "key", model: "gpt-5" } } })).status, 400);
  const saved = await put({
    agents: { codex: { ...codex, model: "gpt-5", models: ["a", "b", "a"] } },
  });
  assertEquals(saved.body.agents.codex, {
    provider: "key",
    model: "gpt-5",
    base_url: null,
    api_key_hint: "…6789",
    models: ["a", "b"],
  });
  // Claude's own settings did not change.
  assertEquals([saved.body.provider, saved.body.agents.claude.provider], [
    "own_login",
    "own_login",
  ]);
  const first = await sent(page, device, { agent: "codex" });
  assertEquals(first.model_config, {
    model: "openai",
    api_format: "responses",
    model_id: "gpt-5",
    base_url: "https://api.openai.com/v1",
    api_key: KEY,
    runtime_config: { codex: { use_proxy: false } },
  });
  await put({ agents: { codex: { base_url: "https://llm.example/v1" } } });
  const second = await sent(page, device, { task_id: first.task_id, model: "gpt-6" });
  assertEquals([second.model_config.base_url, second.model_config.model_id], [
    "https://llm.example/v1",
    "gpt-6",
  ]);
  assertEquals(
    JSON.stringify((await hub.call("GET", "/api/settings", token)).body).includes(KEY),
    false,
  );
});

Deno.test("Codex' demo model is the hub's own", async () => {
  await using hub = await HubFixture.start();
  const { device, page, put } = await world(hub);
  await put({
    agents: { codex: { provider: "demo" } },
    proxy: { url: "http://p.example:1", use_proxy: true },
  });
  const { model_config } = await sent(page, device, { agent: "codex", model: "gpt-9" });
  assertEquals(model_config, {
    model: "openai",
    api_format: "responses",
    model_id: "demo",
    api_key: "demo",
    base_url: `${hub.url}/demo/v1`,
    runtime_config: { codex: { use_proxy: false } },
  });
});

Deno.test("settings: both agents and Claude's old members, which mean the same", async () => {
  await using hub = await HubFixture.start();
  const { put } = await world(hub);
  const old = (await put({ provider: "key", api_key: "sk-old-0123456789", model: "m" })).body;
  assertEquals(old.agents.claude.api_key_hint, "…6789");
  const { body } = await put({ agents: { claude: { model: "n", models: ["x"] } } });
  assertEquals([body.provider, body.model, body.agents.claude.models], ["key", "n", ["x"]]);
  assertEquals((await put({ agents: { claude: { model: null, models: null } } })).body.model, null);
  // One wrong member saves nothing at all.
  const before = (await put({})).body;
  const wrong = { agents: { claude: { model: "z" }, codex: { provider: "key" } } };
  assertEquals((await put(wrong)).status, 400);
  assertEquals((await put({ model: "z", proxy: { use_proxy: true } })).status, 400);
  assertEquals((await put({})).body, before);
  for (const models of [["-x"], [""], [5], Array(51).fill("m"), "m"]) {
    assertEquals((await put({ agents: { claude: { models } } })).status, 422);
  }
});

Deno.test("the proxy is sealed, shown without its login, and sent to Codex alone, when it is on", async () => {
  await using hub = await HubFixture.start();
  const { token, device, page, put } = await world(hub);
  const url = "http://ann:s3cret-pass@proxy.example:3128";
  const saved = await put({ proxy: { url } });
  const shown = { url: "http://***@proxy.example:3128", use_proxy: false };
  assertEquals(saved.body.proxy, shown);
  const off = await sent(page, device, { agent: "codex" });
  assertEquals([off.model_config.proxy, off.model_config.runtime_config.codex.use_proxy], [
    undefined,
    false,
  ]);
  // What is shown, sent back, keeps what is stored.
  assertEquals((await put({ proxy: { ...shown, use_proxy: true } })).body.proxy.use_proxy, true);
  const { task_id, model_config } = await sent(page, device, { agent: "codex" });
  assertEquals([model_config.proxy, model_config.runtime_config.codex.use_proxy], [{ url }, true]);
  assert(!JSON.stringify(await sent(page, device, {})).includes("s3cret"));
  assert(!JSON.stringify(hub.server.core.store.db.all("SELECT * FROM proxies")).includes("s3cret"));
  assert(!JSON.stringify(await hub.call("GET", `/api/tasks/${task_id}`, token)).includes("s3cret"));
  const none = (await put({ proxy: { url: "" } })).body.proxy;
  assertEquals(none, { url: null, use_proxy: false });
  assertEquals(
    (await put({ proxy: { use_proxy: true } })).body.detail,
    "Enter the address of the proxy",
  );
  for (
    const bad of [
      "proxy.example:3128",
      "http://proxy.example",
      "ftp://proxy.example:21",
      "http://proxy.example:99999",
      "http://proxy.example:80/path",
      "http://proxy.example:80?x",
      `http://${"x".repeat(2048)}:80`,
      5,
    ]
  ) assertEquals((await put({ proxy: { url: bad } })).status, 422, String(bad));
  for (const good of ["socks5://u:p@[::1]:1080", "https://proxy:443/", "http://a%40b:c@p:80"]) {
    assertEquals((await put({ proxy: { url: good } })).status, 200, good);
  }
});
