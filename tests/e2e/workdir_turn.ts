/** Turns whose agent tells where it works, for tests of directories. */
import { callTool, say, script } from "../support/model.ts";
import { type DeviceFixture, LONG } from "./fixture.ts";

/** A turn whose agent tells where it works, by the real `pwd` of its shell. */
export const WHERE: string = script(
  callTool("Bash", { command: "pwd -P > here.txt; pwd -P", description: "d" }),
  say("done"),
);

/** A turn whose agent runs `command`; its output is {@link DirectoryTurn.output}. */
export function running(command: string): string {
  return script(callTool("Bash", { command, description: "d" }), say("done"));
}

/** What came of a turn. */
export interface DirectoryTurn {
  readonly task_id: number;
  readonly subtask_id: number;
  readonly status: string;
  readonly error: string;
  /** What the agent's shell said. */
  readonly output: string;
  /** All reasoning, where notices are. */
  readonly notices: string;
  /** The device's own word. */
  readonly where: Readonly<Record<string, unknown>> | undefined;
}

/** Runs {@link WHERE} (or another prompt) with `fields`. */
export async function turnIn(
  { backend, request }: DeviceFixture,
  fields: Readonly<Record<string, unknown>>,
  { task_id, prompt = WHERE }: { task_id?: number; prompt?: string } = {},
): Promise<DirectoryTurn> {
  const turn = { ...request(prompt, task_id ? { task_id } : {}), ...fields };
  backend.execute(turn);
  const done = await backend.waitTerminal(turn.subtask_id, LONG);
  const events = backend.eventsOf(turn.subtask_id);
  const notices = events.filter((e) => e.event === "response.reasoning_summary_text.delta")
    .map((e) => e.data?.["delta"]).join("");
  return {
    task_id: turn.task_id,
    subtask_id: turn.subtask_id,
    status: done.status,
    error: done.error,
    output: [...done.tools.values()][0]?.output ?? "",
    notices,
    where: events.find((e) => e.event === "response.workdir")?.data,
  };
}

/** True when something is at `path`, a dangling link too. */
