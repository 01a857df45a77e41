import { assertEquals } from "../../tests/support/assert.ts";
import { executeRequest } from "../protocol/mod.ts";
import { agentOf } from "../runtimes/mod.ts";
import { inheritedSession } from "./inherited_session.ts";

Deno.test("inheritedSession() takes the conversation of the same agent and bot", () => {
  const request = (inherited_sessions: unknown[]) =>
    executeRequest.parse({ task_id: 1, subtask_id: 2, bot: [{ id: 5 }], inherited_sessions });
  const claude = { agent: "ClaudeCode", sessionId: "s1" };
  const codex = { agent: "Codex", threadId: "t1" };
  assertEquals(inheritedSession(request([codex, claude]), agentOf("claude")), "s1");
  assertEquals(inheritedSession(request([claude, codex]), agentOf("codex")), "t1");
  assertEquals(inheritedSession(request([{ ...claude, botId: 6 }]), agentOf("claude")), null);
  assertEquals(inheritedSession(request([{ ...claude, botId: "5" }]), agentOf("claude")), "s1");
  assertEquals(
    inheritedSession(request([{ agent: 7 }, {}, { agent: "ClaudeCode" }]), agentOf("claude")),
    null,
  );
});
