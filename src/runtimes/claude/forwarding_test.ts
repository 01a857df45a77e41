import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { executeRequest } from "../../protocol/mod.ts";
import type { ForwardSeam, Upstream } from "../forwarder/mod.ts";
import { buildEnvironment } from "./environment.ts";
import { hideProxies } from "../forwarder/mod.ts";
import { forwardKeys } from "./forwarding.ts";

/** Remembers what it was to forward. */
class FakeForwarder implements ForwardSeam {
  readonly upstreams: Upstream[] = [];
  route(_name: string, upstream: Upstream) {
    this.upstreams.push(upstream);
    return { url: "http://127.0.0.1:1", key: "session-key" };
  }
  proxy(address: string): string | null {
    return URL.parse(address)?.password ? "http://session:key@127.0.0.1:2" : null;
  }
}

Deno.test("forwardKeys() hides key and address, each key by its own header", () => {
  const forwarder = new FakeForwarder();
  const env: Record<string, string> = {
    ANTHROPIC_BASE_URL: "https://gw.example.com/prefix/",
    ANTHROPIC_AUTH_TOKEN: "real-token",
    ANTHROPIC_API_KEY: "real-key",
  };
  assertEquals(forwardKeys(env, forwarder), ["real-token", "real-key"]);
  assertEquals(env, {
    ANTHROPIC_BASE_URL: "http://127.0.0.1:1",
    ANTHROPIC_AUTH_TOKEN: "session-key",
    ANTHROPIC_API_KEY: "session-key",
  });
  const [upstream] = forwarder.upstreams;
  assertEquals(upstream?.base, "https://gw.example.com/prefix");
  assertEquals(upstream?.credentials, [
    { header: "authorization", value: "Bearer real-token" },
    { header: "x-api-key", value: "real-key" },
  ]);
});

Deno.test("forwardKeys() goes to Anthropic by default, and the CLI still takes it for that", () => {
  const forwarder = new FakeForwarder();
  const env: Record<string, string> = { ANTHROPIC_API_KEY: "real-key" };
  forwardKeys(env, forwarder);
  assertEquals(forwarder.upstreams[0]?.base, "https://api.anthropic.com");
  assertEquals(env["_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL"], "1");
});

Deno.test("forwardKeys() takes secret headers out of every variable and leaves the others", () => {
  const forwarder = new FakeForwarder();
  const headers = JSON.stringify({ "X-Tenant-Key": "tenant-secret", "x-source": "wegent" });
  const env: Record<string, string> = {
    ANTHROPIC_AUTH_TOKEN: "real-token",
    ANTHROPIC_CUSTOM_HEADERS: "X-Tenant-Key: tenant-secret\nx-source: wegent",
    DEFAULT_HEADERS: headers,
    default_headers: headers,
  };
  assertEquals(forwardKeys(env, forwarder), ["real-token", "tenant-secret"]);
  assertEquals(forwarder.upstreams[0]?.headers, [["x-tenant-key", "tenant-secret"]]);
  assertEquals(env["ANTHROPIC_CUSTOM_HEADERS"], "x-source: wegent");
  assertEquals(env["DEFAULT_HEADERS"], '{"x-source":"wegent"}');
  assertEquals(env["default_headers"], '{"x-source":"wegent"}');
});

Deno.test("forwardKeys() changes nothing where the key does not go to the base URL as it is", () => {
  const forwarder = new FakeForwarder();
  for (
    const more of [
      { CLAUDE_CODE_USE_BEDROCK: "1" },
      { CLAUDE_CODE_USE_VERTEX: "true" },
      { CLAUDE_CODE_OAUTH_TOKEN: "oauth" },
      { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
      { CLAUDE_CODE_CLIENT_CERT: "/c.pem" },
      { ANTHROPIC_BASE_URL: "https://me:password@gw.example.com" },
      { ANTHROPIC_BASE_URL: "not a url" },
      { ANTHROPIC_AUTH_TOKEN: "" },
    ]
  ) {
    const env: Record<string, string> = { ANTHROPIC_AUTH_TOKEN: "real-token", ...more };
    const before = { ...env };
    assertEquals(forwardKeys(env, forwarder), [], JSON.stringify(more));
    assertEquals(env, before);
  }
  assertEquals(forwarder.upstreams, []);
  assertEquals(
    forwardKeys({ ANTHROPIC_API_KEY: "real-key", CLAUDE_CODE_USE_BEDROCK: "0" }, forwarder),
    ["real-key"],
  );
});

Deno.test("hideProxies() replaces proxies with a password only", () => {
  const env: Record<string, string> = {
    HTTPS_PROXY: "http://me:proxy-pass@proxy:3128",
    all_proxy: "socks5://proxy:1080",
    NO_PROXY: "localhost",
  };
  assertEquals(hideProxies(env, new FakeForwarder()), ["http://me:proxy-pass@proxy:3128"]);
  assertEquals(env, {
    HTTPS_PROXY: "http://session:key@127.0.0.1:2",
    all_proxy: "socks5://proxy:1080",
    NO_PROXY: "localhost",
  });
});

Deno.test("buildEnvironment() hides a key behind the forwarder, but not the owner's own login", async () => {
  const facts = { configDir: null, tempDir: "/t", variables: {}, mark: "h", workdir: "/w" };
  const inherited = {
    HTTPS_PROXY: "http://me:proxy-pass@proxy:3128",
    ANTHROPIC_API_KEY: "own-login-key",
  };
  const env = { model: "claude", model_id: "m", api_key: "real-token" };
  const forwarder = new FakeForwarder();
  const build = (agent_config: Record<string, unknown>) =>
    buildEnvironment(
      executeRequest.parse({ task_id: 1, subtask_id: 2, bot: [{ agent_config }] }),
      { ...facts, forward: forwarder },
      inherited,
    );
  const keyed = await build({ env });
  assert(!JSON.stringify(keyed.env).includes("real-token"));
  for (const secret of ["real-token", "proxy-pass"]) {
    assert(keyed.secrets.includes(secret), `${secret} in ${keyed.secrets}`);
  }
  assertEquals(keyed.env["NO_PROXY"], "127.0.0.1,localhost,::1");
  // The way to the model is the real proxy's.
  assertEquals(forwarder.upstreams[0]?.env["HTTPS_PROXY"], inherited.HTTPS_PROXY);
  const own = await build({});
  assertEquals(own.env["ANTHROPIC_API_KEY"], "own-login-key");
  assertEquals(own.env["HTTPS_PROXY"], "http://session:key@127.0.0.1:2");
  assertEquals(forwarder.upstreams.length, 1);
});
