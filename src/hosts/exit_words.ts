/** The unexpected end of an agent's process in words a person understands. */
import type { ErrorCode } from "../protocol/mod.ts";
import type { AgentExit } from "../runtimes/mod.ts";
import { launchErrorOf } from "../scope/mod.ts";

/** Message and code for a process that ended without a result. */
export function describeExit(exit: AgentExit): { code: ErrorCode; message: string } {
  const launch = launchErrorOf(exit.stderr);
  if (launch) {
    return {
      code: "init_error",
      message: `The agent was not started: ${launch.message}` +
        (launch.remedy ? `. ${launch.remedy}` : ""),
    };
  }
  if (exit.fault) {
    return { code: "execution_error", message: `The agent was ended: ${exit.fault.message}` };
  }
  const how = exit.signal ? `signal ${exit.signal}` : `exit code ${exit.code}`;
  const words = exit.stderr.split("\n").map((line) => line.trim()).filter(Boolean).at(-1);
  return {
    code: "execution_error",
    message: `The agent process ended unexpectedly (${how}); send the message again to retry` +
      (words ? `. It said: ${words.slice(0, 500)}` : ""),
  };
}
