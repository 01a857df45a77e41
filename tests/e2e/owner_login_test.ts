/** The owner's own Claude login: it is renewed outside of the box, and the agent never holds what renews it. */
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { LoginServer } from "../support/login_server.ts";
import { callTool, say, script } from "../support/model.ts";
import { type DeviceFixture, LONG, withDevice } from "./fixture.ts";

const MINUTE = 60_000;

interface OwnLogin {
  readonly device: DeviceFixture;
  readonly server: LoginServer;
  /** Writes the owner's login, ending in so many milliseconds. */
  logIn(ms: number): void;
  saved(): { accessToken: string; refreshToken: string; expiresAt: number };
  /** Runs a turn with the owner's own login. */
  turn(prompt: string, taskId?: number): ReturnType<DeviceFixture["backend"]["waitTerminal"]>;
}

async function withLogin(test: (own: OwnLogin) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync({ prefix: "wx-" });
  try {
    await using server = await LoginServer.start(dir, "sk-ant-ort01-first");
    await withDevice({}, async (device) => {
      const { world, backend, model, daemon, startDaemon } = device;
      daemon.signal("SIGTERM");
      await daemon.exited(LONG);
      await startDaemon({
        HTTPS_PROXY: server.proxyUrl,
        NODE_EXTRA_CA_CERTS: server.ca,
        ANTHROPIC_BASE_URL: model.url,
      });
      const file = `${world.home}/.claude/.credentials.json`;
      Deno.mkdirSync(`${world.home}/.claude`, { recursive: true, mode: 0o700 });
      await test({
        device,
        server,
        logIn: (ms) => {
          const login = {
            accessToken: "sk-ant-oat01-first",
            refreshToken: "sk-ant-ort01-first",
            expiresAt: Date.now() + ms,
            scopes: ["user:inference", "user:profile"],
            subscriptionType: "max",
          };
          Deno.writeTextFileSync(file, JSON.stringify({ claudeAiOauth: login }), { mode: 0o600 });
        },
        saved: () => JSON.parse(Deno.readTextFileSync(file)).claudeAiOauth,
        turn: async (prompt, task_id) => {
          const request = { ...device.request(prompt, task_id ? { task_id } : {}) };
          const turn = { ...request, bot: [{ id: 1, agent_config: {} }], model_config: {} };
          backend.execute(turn);
          return await backend.waitTerminal(turn.subtask_id, LONG);
        },
      });
    });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** The logins the model was asked with. */
function bearers({ device }: OwnLogin): string[] {
  return device.model.scripted().map(({ headers }) => headers["authorization"] ?? "");
}

Deno.test("a login that has ended is renewed once, saved for its owner, and used by every session", () =>
  withLogin(async (own) => {
    own.logIn(-MINUTE);
    const turns = await Promise.all([own.turn(script(say("a"))), own.turn(script(say("b")))]);
    assertEquals(turns.map(({ status }) => status), ["COMPLETED", "COMPLETED"]);
    assertEquals(own.server.renewals, ["sk-ant-ort01-first"]);
    assertEquals(bearers(own), Array(2).fill("Bearer sk-ant-oat01-renewed-1"));
    const saved = own.saved();
    assertEquals(
      [saved.accessToken, saved.refreshToken],
      ["sk-ant-oat01-renewed-1", "sk-ant-ort01-renewed-1"],
    );
    assert(saved.expiresAt > Date.now() + 60 * MINUTE);
    const { world } = own.device;
    const left = [...Deno.readDirSync(`${world.executorHome}/run`)].map(({ name }) => name);
    assertEquals(left.filter((name) => name.startsWith("login-")), []);
  }));

Deno.test("a login that holds is left alone; one that ends soon is renewed for the next turn, and the conversation goes on", () =>
  withLogin(async (own) => {
    own.logIn(60 * MINUTE);
    const env =
      "cat /proc/$PPID/environ | tr '\\0' '\\n' | grep -c CLAUDE_CODE_OAUTH_REFRESH_TOKEN; true";
    const first = await own.turn(
      script(callTool("Bash", { command: env, description: "d" }), say("One.")),
    );
    assertEquals([first.status, own.server.renewals], ["COMPLETED", []], first.error);
    own.logIn(MINUTE);
    const second = await own.turn(script(say("Two.")), first.taskId);
    assertEquals([second.status, own.server.renewals.length], ["COMPLETED", 1], second.error);
    assertEquals(bearers(own), [
      "Bearer sk-ant-oat01-first",
      "Bearer sk-ant-oat01-first",
      "Bearer sk-ant-oat01-renewed-1",
    ]);
    const last = JSON.stringify(own.device.model.scripted().at(-1)?.body?.messages);
    assertStringIncludes(last, "One.");
  }));

Deno.test("a login that its server has withdrawn is told as such, with what to do", () =>
  withLogin(async (own) => {
    own.logIn(-MINUTE);
    own.server.refuse = true;
    const turn = await own.turn(script(say("never")));
    assertEquals(turn.status, "FAILED");
    // The CLI itself forgets a login that its server has withdrawn.
    assertStringIncludes(turn.error ?? "", "log in with `claude` on the device");
    assertEquals(own.server.renewals, ["sk-ant-ort01-first"]);
  }));
