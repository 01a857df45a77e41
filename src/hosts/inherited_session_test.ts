import { assertEquals } from "../../tests/support/assert.ts";
import { executeRequest } from "../protocol/mod.ts";
import { inheritedSession } from "./inherited_session.ts";

Deno.test("inheritedSession() takes the conversation of the same agent and bot", () => {
  const request = (inherited_sessions: unknown[]) =>
    executeRequest.parse({ task_id: 1, subtask_id: 2, bot: [{ id: 5 }], inherited_sessions });
  const claude = { agent: "ClaudeCode", sessionId: "s1" };
  const codex = { agent: "Codex", threadId: "t1" };
  assertEquals(inheritedSession(request([codex, claude]), "claude"), "s1");
  assertEquals(inheritedSession(request([claude, codex]), "codex"), "t1");
  assertEquals(inheritedSession(request([{ ...claude, botId: 6 }]), "claude"), null);
  assertEquals(inheritedSession(request([{ ...claude, botId: "5" }]), "claude"), "s1");
  assertEquals(
    inheritedSession(request([{ agent: 7 }, {}, { agent: "ClaudeCode" }]), "claude"),
    null,
  );
});
