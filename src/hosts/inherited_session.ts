/** The conversation a forked task goes on with. */
import * as z from "zod";
import type { ExecuteRequest, RuntimeName } from "../protocol/mod.ts";

const entry = z.looseObject({
  agent: z.string(),
  botId: z.union([z.number(), z.string()]).nullish(),
  sessionId: z.string().nullish(),
  threadId: z.string().nullish(),
});

/** What servers call the agents. */
const AGENTS: Readonly<Record<RuntimeName, readonly string[]>> = {
  claude: ["ClaudeCode", "Claude Code"],
  codex: ["CodeX", "Codex"],
};

/** Id of the first inherited conversation of this agent and the request's bot, or null. */
export function inheritedSession(request: ExecuteRequest, runtime: RuntimeName): string | null {
  const bot = request.bot[0]?.id;
  for (const value of request.inherited_sessions) {
    const { success, data } = entry.safeParse(value);
    if (!success || !AGENTS[runtime].includes(data.agent)) continue;
    if (data.botId !== null && data.botId !== undefined && `${data.botId}` !== `${bot}`) continue;
    const id = runtime === "codex" ? data.threadId : data.sessionId;
    if (id) return id;
  }
  return null;
}
