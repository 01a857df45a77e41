/** Which login the agent uses, seen at loopback endpoints: a key, the owner's own, or the demo model. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { say, script, startModel } from "../support/model.ts";
import { createWorld } from "../support/world.ts";
import { LONG } from "./fixture.ts";
import { HubClient, withHub } from "./hub_fixture.ts";

Deno.test("with a key in the hub's settings the CLI asks that base URL with that key", () =>
  withHub(async ({ hub, model }) => {
    const { taskId, turnId } = await hub.send(script(say("keyed")));
    assertEquals((await hub.ended(taskId, turnId)).content, "keyed");
    const asked = model.scripted()[0]!;
    assertStringIncludes(JSON.stringify(asked.headers), "sk-test-key-1");
  }));

Deno.test("with the owner's own login the CLI uses the owner's environment, not the hub's key", () =>
  withHub(async (fixture) => {
    const { hub, model, daemon } = fixture;
    await using own = await startModel();
    await hub.put("/api/settings", { provider: "own_login" });
    daemon.signal("SIGTERM");
    await daemon.exited(LONG);
    fixture.daemon = await fixture.startDaemon({
      ANTHROPIC_BASE_URL: own.url,
      ANTHROPIC_API_KEY: "sk-owners-own",
    });
    const { taskId, turnId } = await hub.send(script(say("owned")));
    const turn = await hub.ended(taskId, turnId);
    assertEquals([turn.status, turn.content], ["COMPLETED", "owned"], turn.error ?? "");
    assertStringIncludes(JSON.stringify(own.scripted()[0]?.headers), "sk-owners-own");
    assertEquals(model.scripted(), []);
    const again = await hub.send(script(say("again")), taskId);
    assertEquals((await hub.ended(taskId, again.turnId)).content, "again");
  }));

Deno.test("with a Claude login in the owner's home the CLI sends that login's token", () =>
  withHub(async (fixture) => {
    const { hub, daemon, world } = fixture;
    await using own = await startModel();
    await hub.put("/api/settings", { provider: "own_login" });
    daemon.signal("SIGTERM");
    await daemon.exited(LONG);
    Deno.mkdirSync(`${world.home}/.claude`, { mode: 0o700 });
    const login = {
      accessToken: "sk-ant-oat01-owners-login",
      refreshToken: "sk-ant-ort01-unused",
      expiresAt: Date.now() + 86_400_000,
      scopes: ["user:inference", "user:profile"],
      subscriptionType: "max",
    };
    const file = `${world.home}/.claude/.credentials.json`;
    Deno.writeTextFileSync(file, JSON.stringify({ claudeAiOauth: login }), { mode: 0o600 });
    fixture.daemon = await fixture.startDaemon({ ANTHROPIC_BASE_URL: own.url });
    const { taskId, turnId } = await hub.send(script(say("logged in")));
    const turn = await hub.ended(taskId, turnId);
    assertEquals([turn.status, turn.content], ["COMPLETED", "logged in"], turn.error ?? "");
    assertEquals(own.scripted()[0]?.headers["authorization"], `Bearer ${login.accessToken}`);
    assertEquals(JSON.parse(Deno.readTextFileSync(file)).claudeAiOauth, login);
  }));

Deno.test("with neither, up says that the demo model answers, and it does", async () => {
  await using world = await createWorld();
  const program = world.start(["up", "--no-open", "--port", "0"]);
  await program.waitForLine("demo model: scripted answers, no AI", LONG);
  const link = (await program.waitForLine(/Open {2}http/, LONG)).text;
  assertMatch(link, /#login=/);
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(link)![0];
  const password = /password (\S+)/.exec((await program.waitForLine("password", LONG)).text)![1]!;
  const hub = await HubClient.signIn(url, password);
  try {
    const { taskId, turnId } = await hub.send("create hello.txt with a greeting, then show it");
    const turn = await hub.ended(taskId, turnId);
    assertEquals(turn.status, "COMPLETED", turn.error ?? "");
    assert(turn.blocks.filter((b) => b.type === "tool").length >= 2);
    assert(Deno.statSync(`${world.workspace}/${taskId}/hello.txt`).size > 0);
  } finally {
    hub.close();
  }
  program.signal("SIGTERM");
  assertEquals((await program.exited(LONG)).code, 0);
  assertEquals(world.processes(), []);
});

Deno.test("up says for each agent whose login it uses", async () => {
  await using world = await createWorld();
  Deno.mkdirSync(`${world.home}/.codex`, { mode: 0o700 });
  Deno.writeTextFileSync(`${world.home}/.codex/auth.json`, '{"OPENAI_API_KEY": "sk-x"}');
  const program = world.start(["up", "--no-open", "--port", "0"]);
  await program.waitForLine("Claude Code: demo model: scripted answers, no AI", LONG);
  await program.waitForLine("Codex uses your Codex login", LONG);
  const url =
    /http:\/\/127\.0\.0\.1:\d+/.exec((await program.waitForLine(/Open {2}http/, LONG)).text)![0];
  const password = /password (\S+)/.exec((await program.waitForLine("password", LONG)).text)![1]!;
  const hub = await HubClient.signIn(url, password);
  const { agents } = await hub.get("/api/settings") as {
    agents: Record<string, { provider: string }>;
  };
  hub.close();
  assertEquals([agents["claude"]?.provider, agents["codex"]?.provider], ["demo", "own_login"]);
});
