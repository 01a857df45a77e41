/** What is done to a turn that runs. */
import { exists } from "../../src/platform/mod.ts";
import { until } from "../e2e/fixture.ts";
import { agentsOf, type Cue, type LiveTurn } from "./stage.ts";

/** The server cancels the turn. */
export function cancel({ cast, request: { task_id, subtask_id } }: LiveTurn): void {
  cast.backend.cancel({ taskId: task_id, subtaskId: subtask_id });
}

/** The server closes the session. */
export function closeSession({ cast, request }: LiveTurn): void {
  cast.backend.closeSession(request.task_id);
}

/** The agent's program gets a signal. */
export function signalAgent(turn: LiveTurn, signal: Deno.Signal): void {
  const found = agentsOf(turn);
  if (found.length !== 1) throw new Error(`Found ${found.length} agents: ${JSON.stringify(found)}`);
  Deno.kill(found[0]!.pid, signal);
}

/** Once so many pieces of text have come. */
export function inText(pieces: number, then: Cue["then"]): Cue {
  return { event: "response.output_text.delta", nth: pieces - 1, then };
}

/** Once the turn's command has made the file `started`. */
export function inCommand(then: Cue["then"]): Cue {
  return {
    event: "response.function_call_arguments.done",
    then: async (turn, event) => {
      await until(() => exists(`${turn.workdir}/started`), "the command's start");
      await then(turn, event);
    },
  };
}
