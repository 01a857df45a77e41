import { assert, assertEquals, assertMatch } from "../../tests/support/assert.ts";
import { HubFixture, Peer, runningTurn, until } from "../../tests/support/hub_fixture.ts";
import { signToken, TOKEN_SECONDS } from "./auth/token.ts";

/** The key the hub signs with; private on purpose. */
function signingKey(hub: HubFixture): Uint8Array {
  return (hub.server.core.auth as unknown as { vault: { signing: Uint8Array } }).vault.signing;
}

Deno.test("the first start makes an administrator who signs in with password or link, once", async () => {
  await using hub = await HubFixture.start();
  const { firstRun } = hub.server;
  assert(firstRun);
  assertMatch(firstRun.loginUrl, /^http:\/\/127\.0\.0\.1:\d+\/#login=[\w-]{43}$/);
  const login = { user_name: firstRun.userName, password: firstRun.password };
  const { status, body } = await hub.call("POST", "/api/auth/login", null, login);
  assertEquals([status, body.token_type], [200, "bearer"]);
  const me = await hub.call("GET", "/api/users/me", body.access_token);
  assertEquals([me.body.user_name, me.body.is_admin], ["admin", true]);
  const token = firstRun.loginUrl.split("=")[1];
  const first = await hub.call("POST", "/api/auth/link", null, { token });
  assertEquals(first.status, 200);
  assertEquals(await hub.call("POST", "/api/auth/link", null, { token }), {
    status: 400,
    body: { error_code: 400, detail: "This sign-in link has been used or has expired" },
  });
  await hub.restart();
  assertEquals(hub.server.firstRun, null);
  assertEquals((await hub.call("GET", "/api/users/me", body.access_token)).status, 200);
});

Deno.test("a link older than fifteen minutes is refused", async () => {
  await using hub = await HubFixture.start();
  const { core } = hub.server;
  const token = core.auth.issueLink(1);
  const now = Date.now;
  try {
    const later = now() + 15 * 60_000 + 1000;
    Date.now = () => later;
    assertEquals((await hub.call("POST", "/api/auth/link", null, { token })).status, 400);
  } finally {
    Date.now = now;
  }
});

Deno.test("wrong passwords are refused alike, then limited", async () => {
  await using hub = await HubFixture.start();
  const refused = { error_code: 400, detail: "Invalid username or password" };
  const attempt = (user_name: string) =>
    hub.call("POST", "/api/auth/login", null, { user_name, password: "wrong" });
  assertEquals((await attempt("nobody")).body, refused);
  for (let i = 0; i < 10; i++) assertEquals((await attempt("admin")).body, refused);
  assertEquals((await attempt("admin")).status, 429);
  const login = { user_name: "admin", password: hub.server.firstRun!.password };
  assertEquals((await hub.call("POST", "/api/auth/login", null, login)).status, 429);
});

Deno.test("tokens: missing, foreign, changed and expired ones are refused", async () => {
  await using hub = await HubFixture.start();
  const { token, key } = await hub.user("ann");
  const detail = async (bearer: string | null) => {
    const { status, body } = await hub.call("GET", "/api/devices", bearer);
    return `${status} ${body.detail ?? "ok"}`;
  };
  assertEquals(await detail(token), "200 ok");
  assertEquals(await detail(null), "401 Not authenticated");
  const bad = "401 Could not validate credentials";
  const [head, body, signature] = token.split(".") as [string, string, string];
  const none = btoa('{"alg":"none"}').replace(/=+$/, "");
  const other = signToken(new Uint8Array(32), { id: 1, user_name: "admin" });
  const old = signToken(
    signingKey(hub),
    { id: 1, user_name: "admin" },
    Date.now() - (TOKEN_SECONDS + 1) * 1000,
  );
  for (
    const forged of [
      key,
      other,
      old,
      `${none}.${body}.`,
      `${none}.${body}.${signature}`,
      `${head}.${body}x.${signature}`,
      "a.b.c",
      "x".repeat(5000),
    ]
  ) assertEquals(await detail(forged), bad);
  const page = await Peer.open(`${hub.url}/chat`, old);
  assertEquals(page.refusal, "Invalid or expired token");
});

Deno.test("a page whose token runs out is told so and cut", async () => {
  await using hub = await HubFixture.start();
  const nearlyOver = Date.now() - TOKEN_SECONDS * 1000 + 2000;
  const token = signToken(signingKey(hub), { id: 1, user_name: "admin" }, nearlyOver);
  const page = await hub.browser(token);
  assertEquals(page.refusal, null);
  await until(
    async () => (await hub.call("GET", "/api/users/me", token)).status === 401,
    "the token's end",
  );
  assertEquals(await page.ask("chat:cancel", { subtask_id: 1 }), { error: "Token expired" });
  assertEquals((await page.event("auth:error")).code, "TOKEN_EXPIRED");
  await until(() => !page.socket.connected, "the cut");
});

Deno.test("device sockets are refused with the wire's words", async () => {
  await using hub = await HubFixture.start();
  const { token, key } = await hub.user("ann");
  const refusal = async (credential: unknown) => {
    await using peer = await Peer.open(`${hub.url}/local-executor`, credential);
    return peer.refusal;
  };
  assertEquals(await refusal(undefined), "Missing authentication token");
  assertEquals(await refusal(""), "Missing authentication token");
  assertEquals(await refusal(5), "Missing authentication token");
  assertEquals(await refusal("nonsense"), "Invalid or expired token");
  assertEquals(await refusal("wg-nonsense"), "Invalid or expired API key");
  assertEquals(await refusal(key), null);
  assertEquals(await refusal(token), null);
  const { body } = await hub.call("GET", "/api/api-keys", token);
  await hub.call("POST", `/api/api-keys/${body.items[0].id}/toggle-status`, token);
  assertEquals(await refusal(key), "Invalid or expired API key");
  for (let i = 0; i < 40; i++) {
    if (await refusal("wg-again") === "Too many device connection attempts") return;
  }
  throw new Error("Attempts are not limited");
});

Deno.test("api keys: shown once, stored as a hash, listed masked, foreign ones unknown", async () => {
  await using hub = await HubFixture.start();
  const { token } = await hub.user("ann");
  const made = await hub.call("POST", "/api/api-keys", token, { name: "laptop" });
  assertEquals(made.status, 201);
  assertMatch(made.body.key, /^wg-[\w-]{43}$/);
  assertEquals(made.body.key_prefix, `${made.body.key.slice(0, 11)}...`);
  const list = await hub.call("GET", "/api/api-keys", token);
  assertEquals(JSON.stringify(list.body).includes(made.body.key), false);
  const stored = JSON.stringify(hub.server.core.store.db.all("SELECT * FROM api_keys"));
  assertEquals(stored.includes(made.body.key), false);
  const bob = await hub.user("bob");
  const foreign = await hub.call("DELETE", `/api/api-keys/${made.body.id}`, bob.token);
  assertEquals([foreign.status, foreign.body.detail], [404, "API key not found"]);
  assertEquals((await hub.call("DELETE", `/api/api-keys/${made.body.id}`, token)).status, 204);
});

Deno.test("secrets are sealed at rest and the key file is the owner's alone", async () => {
  await using hub = await HubFixture.start();
  const { token } = await hub.user("ann");
  await hub.call("PUT", "/api/settings", token, {
    provider: "key",
    api_key: "sk-plain-0123456789",
  });
  await hub.server.close();
  for (const name of ["hub.sqlite", "hub.sqlite-wal"]) {
    let text = "";
    try {
      text = new TextDecoder("latin1").decode(await Deno.readFile(`${hub.dir}/${name}`));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    assertEquals(text.includes("sk-plain"), false);
  }
  if (Deno.build.os !== "windows") {
    assertEquals(((await Deno.stat(`${hub.dir}/hub.key`)).mode ?? 0) & 0o777, 0o600);
  }
  await hub.serve();
  assertEquals(hub.server.core.settings.provider(2, "claude").apiKey, "sk-plain-0123456789");
});

Deno.test("settings are validated", async () => {
  await using hub = await HubFixture.start();
  const { token } = await hub.user("ann");
  const put = (body: unknown) => hub.call("PUT", "/api/settings", token, body);
  assertEquals((await put({ provider: "key" })).body.detail, "Enter an API key");
  for (
    const bad of [
      { provider: "other" },
      { base_url: "file:///etc/passwd" },
      { base_url: "http://user:pass@host/" },
      { api_key: 5 },
      [],
      null,
    ]
  ) assertEquals((await put(bad)).status, 422);
  const { body } = await put({ provider: "key", api_key: "short" });
  assertEquals(body.api_key_hint, "…");
});

Deno.test("devices: default, alias, delete and return", async () => {
  await using hub = await HubFixture.start();
  const { token, key } = await hub.user("ann");
  const device = await hub.device(key, "dev-1");
  await hub.device(key, "dev-2");
  const list = async () => (await hub.call("GET", "/api/devices", token)).body.items;
  assertEquals((await list()).map((d: { is_default: boolean }) => d.is_default), [true, false]);
  const put = await hub.call("PUT", "/api/devices/dev-2/default", token);
  assertEquals(put.body.message, "Device 'dev-2' set as default");
  assertEquals((await list()).map((d: { is_default: boolean }) => d.is_default), [false, true]);
  await hub.call("DELETE", "/api/devices/dev-2/default", token);
  assertEquals((await list()).map((d: { is_default: boolean }) => d.is_default), [false, false]);
  await hub.call("PUT", "/api/devices/dev-1/alias", token, { alias: "My box" });
  assertEquals((await hub.call("DELETE", "/api/devices/dev-1", token)).status, 200);
  assertEquals((await list()).length, 1);
  await device.register({ name: "Other name" });
  assertEquals((await list())[0].name, "My box");
  const bob = await hub.user("bob");
  for (const [method, path] of [["PUT", "default"], ["DELETE", "default"], ["PUT", "alias"]]) {
    const answer = await hub.call(method!, `/api/devices/dev-1/${path}`, bob.token, { alias: "x" });
    assertEquals([answer.status, answer.body.detail], [404, "Device 'dev-1' not found"]);
  }
  assertEquals((await hub.call("DELETE", "/api/devices/dev-1", bob.token)).status, 404);
});

Deno.test("at most one cloud device per user", async () => {
  await using hub = await HubFixture.start();
  const { key } = await hub.user("ann");
  const first = await hub.device(key, "c-1");
  assertEquals((await first.register({ device_type: "cloud" })).success, true);
  const second = await hub.device(key, "c-2");
  const ack = await second.register({ device_type: "cloud" });
  assert(ack.error.startsWith("Registration failed"));
});

Deno.test("requests of other sites and under other names are refused, sockets too", async () => {
  await using hub = await HubFixture.start({ provider: "demo" });
  const { token } = await hub.user("ann");
  const own = { origin: hub.url };
  assertEquals((await hub.call("GET", "/api/devices", token, undefined, own)).status, 200);
  const foreign = { origin: "http://evil.example" };
  assertEquals((await hub.call("GET", "/api/devices", token, undefined, foreign)).status, 403);
  assertEquals((await hub.call("GET", "/health", null, undefined, { origin: "null" })).status, 403);
  const raw = async (lines: string[]) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: hub.port });
    await conn.write(new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n"));
    const buffer = new Uint8Array(1000);
    // Deno 2.6 cannot write an answer to an upgrade it refuses: silence is a refusal too.
    let silent = false;
    const timer = setTimeout(() => {
      silent = true;
      conn.close();
    }, 500);
    try {
      const read = await conn.read(buffer) ?? 0;
      return new TextDecoder().decode(buffer.subarray(0, read)).split("\r\n")[0];
    } catch (error) {
      if (silent) return "HTTP/1.1 400 silence";
      throw error;
    } finally {
      clearTimeout(timer);
      if (!silent) conn.close();
    }
  };
  const close = "connection: close";
  assertMatch((await raw(["GET /health HTTP/1.1", "host: evil.example", close]))!, / 403 /);
  assertMatch(
    (await raw(["GET /health HTTP/1.1", `host: 127.0.0.1:${hub.port}`, close]))!,
    / 200 /,
  );
  const upgrade = (extra: string[]) =>
    raw([
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
      "connection: Upgrade",
      "upgrade: websocket",
      "sec-websocket-version: 13",
      "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
      ...extra,
    ]);
  const host = `host: 127.0.0.1:${hub.port}`;
  assertMatch((await upgrade([host]))!, / 101 /);
  assertMatch((await upgrade([host, "origin: http://evil.example"]))!, / 400 /);
  assertMatch((await upgrade(["host: evil.example"]))!, / 400 /);
});

Deno.test("bodies must be JSON of the right shape and size", async () => {
  await using hub = await HubFixture.start();
  const post = async (body: string, type: string) => {
    const response = await fetch(`${hub.url}/api/auth/login`, {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await post("{}", "text/plain"), 415);
  assertEquals(await post("{", "application/json"), 422);
  assertEquals(await post('{"user_name":5}', "application/json"), 422);
  assertEquals(await post("[".repeat(100_000), "application/json"), 422);
  assertEquals(
    await post('{"__proto__":{"user_name":"a","password":"b"}}', "application/json"),
    422,
  );
  assertEquals(await post(`"${"x".repeat(2 ** 20)}"`, "application/json"), 413);
});

Deno.test("the page is served with a policy that allows its own files only", async () => {
  await using hub = await HubFixture.start();
  const page = await fetch(hub.url, { headers: { accept: "text/html" } });
  const html = await page.text();
  const policy = page.headers.get("content-security-policy") ?? "";
  assert(policy.includes("default-src 'none'") && policy.includes("script-src 'self'"));
  assert(!policy.includes("unsafe"));
  const files = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((m) => m[1]);
  assertEquals(files.length, 3);
  for (const file of files) {
    const response = await fetch(hub.url + file);
    await response.body?.cancel();
    assertEquals(response.status, 200);
  }
  const json = await hub.call("GET", "/", null);
  assertEquals(json.body.socketio_path, "/socket.io");
  for (const path of ["/assets/../hub.sqlite", "/assets/%2e%2e/hub.key", "/hub.key", "/nothing"]) {
    assertEquals((await hub.call("GET", path, null)).status, 404);
  }
});

Deno.test("the demo model answers while it is somebody's provider, and not otherwise", async () => {
  await using hub = await HubFixture.start();
  const { token } = await hub.user("ann");
  const ask = () => hub.call("POST", "/demo/v1/messages/count_tokens?beta=true", null, {});
  assertEquals((await ask()).status, 404);
  await hub.call("PUT", "/api/settings", token, { provider: "demo" });
  assertEquals(await ask(), { status: 200, body: { input_tokens: 10 } });
});

Deno.test("only administrators make users", async () => {
  await using hub = await HubFixture.start();
  const admin = await hub.user("admin");
  const wanted = { user_name: "eve", password: "123456" };
  assertEquals((await hub.call("POST", "/api/users", admin.token, wanted)).status, 201);
  assertEquals((await hub.call("POST", "/api/users", admin.token, wanted)).status, 400);
  const ann = await hub.user("ann");
  assertEquals((await hub.call("POST", "/api/users", ann.token, wanted)).status, 403);
});

Deno.test("REST cancel is for running tasks", async () => {
  await using hub = await HubFixture.start();
  const { token, taskId, device, run } = await runningTurn(hub);
  assertEquals((await hub.call("POST", `/api/tasks/${taskId}/cancel`, token)).status, 200);
  await device.event("task:cancel");
  await run.send("response.incomplete");
  const again = await hub.call("POST", `/api/tasks/${taskId}/cancel`, token);
  assertEquals([again.status, again.body.detail], [400, "Task is not running"]);
});
