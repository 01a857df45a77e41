/** The conversation a forked task goes on with. */
import * as z from "zod";
import type { ExecuteRequest } from "../protocol/mod.ts";
import type { Agent } from "../runtimes/mod.ts";

const entry = z.looseObject({
  agent: z.string(),
  botId: z.union([z.number(), z.string()]).nullish(),
  sessionId: z.string().nullish(),
  threadId: z.string().nullish(),
});

/** Id of the first inherited conversation of this agent and the request's bot, or null. */
export function inheritedSession(request: ExecuteRequest, { wire }: Agent): string | null {
  const bot = request.bot[0]?.id;
  for (const value of request.inherited_sessions) {
    const { success, data } = entry.safeParse(value);
    if (!success || !wire.sessionAgents.includes(data.agent)) continue;
    if (data.botId !== null && data.botId !== undefined && `${data.botId}` !== `${bot}`) continue;
    const id = data[wire.sessionMember];
    if (id) return id;
  }
  return null;
}
