import { assertEquals } from "../../tests/support/assert.ts";
import { homePaths } from "../config/mod.ts";
import { sessionLayout } from "./session_layout.ts";

const SETTINGS = { paths: homePaths("/eh"), workspaceRoot: "/ws" };
const SESSION = { taskId: 7, key: "b1", runtime: "claude", ownConfig: false } as const;

Deno.test("sessionLayout() keeps everything of a chosen directory in its .wegent", () => {
  for (const origin of ["session", "project", "chat"] as const) {
    assertEquals(sessionLayout(SETTINGS, SESSION, { path: "/p/A", origin }), {
      stateDir: "/eh/state/sessions/7/b1",
      tempDir: "/eh/state/sessions/7/b1/tmp",
      sessionDir: "/p/A/.wegent/session/7/b1",
      configDir: "/p/A/.wegent/.claude",
      attachmentsDir: "/p/A/.wegent/attachments/7",
      ownState: true,
      taskDir: null,
    });
  }
});

Deno.test("sessionLayout() keeps the reference's places of a managed directory", () => {
  const managed = { path: "/ws/7", origin: "managed" } as const;
  assertEquals(sessionLayout(SETTINGS, SESSION, managed, "linux"), {
    stateDir: "/eh/state/sessions/7/b1",
    tempDir: "/eh/state/sessions/7/b1/tmp",
    sessionDir: "/eh/state/sessions/7/b1",
    configDir: "/ws/7/.claude",
    attachmentsDir: "/ws/7/7:executor:attachments",
    ownState: false,
    taskDir: null,
  });
  const windows = sessionLayout(SETTINGS, SESSION, managed, "windows");
  assertEquals(windows.attachmentsDir, "/ws/7/7_executor_attachments");
});

Deno.test("sessionLayout() gives a checkout and a bot's directory the task's own beside it", () => {
  for (const origin of ["clone", "bot"] as const) {
    const layout = sessionLayout(SETTINGS, SESSION, { path: "/elsewhere", origin });
    assertEquals([layout.taskDir, layout.configDir], ["/ws/7", "/ws/7/.claude"]);
  }
});

Deno.test("sessionLayout() names no configuration for an agent with its owner's login", () => {
  const own = { ...SESSION, ownConfig: true };
  assertEquals(sessionLayout(SETTINGS, own, { path: "/p/A", origin: "session" }).configDir, null);
});
