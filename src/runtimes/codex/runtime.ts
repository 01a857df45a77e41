/** Codex as a runtime. */
import type { AgentPlan, AgentProcess, Runtime, StartOptions } from "../runtime.ts";
import { linkHome } from "./home.ts";
import { buildPlan, type CodexPlan } from "./plan.ts";
import { CodexProcess } from "./process.ts";
import { rehearse } from "./rehearsal.ts";

/** See `../runtime.ts`. */
export const codex: Runtime = {
  capabilities: { steer: true, resume: true, images: true, permissions: true },
  plan: buildPlan,
  rehearse,
  start(plan: AgentPlan, options: StartOptions): AgentProcess {
    const { launch, binary, cwd, env, session } = options;
    // Only plans of this runtime come here: the host asks one runtime for both.
    const { args, thread, tempDir, secrets, home, env: planned } = plan as CodexPlan;
    if (home !== null) linkHome(home);
    return CodexProcess.start({
      argv: [...launch, binary, ...args],
      env: { ...planned, ...env },
      cwd,
      secrets,
      session,
      thread,
      tempDir,
    });
  },
};
