import { assert, assertEquals, assertRejects } from "../../tests/support/assert.ts";
import { AppError } from "../platform/mod.ts";
import { type ConfigSources, loadSettings } from "./mod.ts";

async function withHome(
  test: (
    home: string,
    sources: (env?: Record<string, string>) => ConfigSources,
  ) => Promise<void>,
): Promise<void> {
  const home = Deno.makeTempDirSync();
  try {
    await test(home, (env = {}) => ({ env, userHome: home }));
  } finally {
    Deno.removeSync(home, { recursive: true });
  }
}

const file = (home: string) => `${home}/.wegent-executor/device-config.json`;

Deno.test("loadSettings() creates an owner-only file with identity, URL and token of the environment", () =>
  withHome(async (home, sources) => {
    const settings = await loadSettings(
      sources({
        WEGENT_BACKEND_URL: "https://w.example.com/",
        WEGENT_AUTH_TOKEN: "Bearer wg-1",
      }),
    );
    assertEquals(settings.backendUrl, "https://w.example.com");
    assertEquals(settings.authToken, "wg-1");
    assertEquals(settings.slots, 5);
    assert(
      /^(hw|mac|uuid)-[0-9a-f]{12}$/.test(settings.deviceId),
      settings.deviceId,
    );
    const written = JSON.parse(Deno.readTextFileSync(file(home)));
    assertEquals(written.connection.backend_url, "https://w.example.com/");
    assertEquals(written.device_id, settings.deviceId);
    assertEquals((Deno.statSync(file(home)).mode ?? 0) & 0o777, 0o600);
  }));

Deno.test("loadSettings() prefers the environment over the file and keeps the file's keys", () =>
  withHome(async (home, sources) => {
    Deno.mkdirSync(`${home}/.wegent-executor`);
    Deno.writeTextFileSync(
      file(home),
      JSON.stringify({
        device_id: "mine",
        device_name: "n",
        future: { a: 1 },
        max_concurrent_tasks: 2,
        connection: {
          backend_url: "http://file",
          auth_token: "t",
          other: true,
        },
      }),
    );
    const fromFile = await loadSettings(sources());
    assertEquals([fromFile.backendUrl, fromFile.deviceId, fromFile.slots], [
      "http://file",
      "mine",
      2,
    ]);
    const fromEnv = await loadSettings(
      sources({ WEGENT_BACKEND_URL: "http://env", DEVICE_ID: "other" }),
    );
    assertEquals([fromEnv.backendUrl, fromEnv.deviceId], [
      "http://env",
      "other",
    ]);
    const written = JSON.parse(Deno.readTextFileSync(file(home)));
    assertEquals(written.connection, {
      backend_url: "http://file",
      auth_token: "t",
      other: true,
    });
    assertEquals(written.future, { a: 1 });
    assertEquals(written.device_id, "other");
  }));

Deno.test("loadSettings() never writes a token of the command line", () =>
  withHome(async (home, sources) => {
    const settings = await loadSettings({
      ...sources(),
      token: "secret-token",
    });
    assertEquals(settings.authToken, "secret-token");
    assert(!Deno.readTextFileSync(file(home)).includes("secret-token"));
  }));

Deno.test("loadSettings() refuses a wrong file with exit 78 and leaves it alone", () =>
  withHome(async (home, sources) => {
    Deno.mkdirSync(`${home}/.wegent-executor`);
    for (
      const text of [
        "",
        "{",
        '{"max_concurrent_tasks":"many"}',
        '{"device_id":"a:b"}',
      ]
    ) {
      Deno.writeTextFileSync(file(home), text);
      const error = await assertRejects(
        () => loadSettings(sources()),
        AppError,
      );
      assertEquals([error.code, error.exitCode], ["config_invalid", 78]);
      assertEquals(Deno.readTextFileSync(file(home)), text);
    }
  }));

Deno.test("loadSettings() falls back to defaults for unusable numbers and words of the environment", () =>
  withHome(async (_home, sources) => {
    const settings = await loadSettings(sources({
      LOCAL_HEARTBEAT_INTERVAL: "soon",
      LOCAL_RECONNECT_MAX_DELAY: "-1",
      DEVICE_TYPE: "toaster",
    }));
    assertEquals(settings.heartbeatMs, 30_000);
    assertEquals(settings.reconnect, { firstMs: 500, maxMs: 30_000 });
    assertEquals(settings.deviceType, "local");
  }));

Deno.test("loadSettings() adds workspace, chats and projects to the owner's roots", () =>
  withHome(async (home, sources) => {
    const settings = await loadSettings(sources({
      LOCAL_WORKDIR_ALLOWED_ROOTS: "~/Projects, /srv/x, /",
      WECODE_HOME: "~/wecode",
      WEGENT_EXECUTOR_PROJECTS_DIR: "/srv/p/projects",
      WEGENT_EXECUTOR_STANDALONE_CHATS_ENABLED: "No",
    }));
    assertEquals(settings.allowedRoots, [
      `${home}/.wegent-executor/workspace`,
      `${home}/Projects`,
      "/srv/x",
      `${home}/wecode/wegent-executor/workspace/chats`,
      "/srv/p/projects",
      "/srv/p/worktrees",
    ]);
    assertEquals(settings.listedRoots.refused.map(({ root }) => root), ["/"]);
    assertEquals([settings.rootsFromEnvironment, settings.standaloneChats], [true, false]);
  }));

Deno.test("loadSettings() mixes the state path into the id when the home is not the default one", () =>
  withHome(async (home, sources) => {
    const usual = await loadSettings(sources());
    const other = await loadSettings(
      sources({ WEGENT_EXECUTOR_HOME: `${home}/other` }),
    );
    assert(usual.deviceId !== other.deviceId);
  }));
