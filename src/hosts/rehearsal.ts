/**
 * A turn without an agent, for a spare that waits: everything a turn does on its way to the agent is loaded and
 * compiled then, and the first real one need not wait for that. It leaves nothing and reaches nobody: no
 * repository, attachment, skill, hook or model is touched.
 */
import { type Logger, removeIfExists } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import { type ExecuteRequest, newResponseId } from "../protocol/mod.ts";
import { rehearseForwarding } from "../runtimes/forwarder/mod.ts";
import type { AgentProcess, AgentTurn, Runtime, TurnRequest } from "../runtimes/mod.ts";
import { AgentKeeper } from "./agent_keeper.ts";
import type { HostSpec, RunSpec } from "./attach_protocol.ts";
import { ChangeTracker } from "./file_changes.ts";
import { Turn } from "./turn.ts";
import { Workspace } from "./workspace.ts";

/** Runs the rehearsal of a turn like `request`. */
export async function rehearse(
  request: ExecuteRequest,
  { spec, runtime, log }: { spec: HostSpec; runtime: Runtime; log: Logger },
): Promise<void> {
  const dir = join(spec.dir, "rehearsal");
  try {
    Deno.mkdirSync(dir, { mode: 0o700 });
    const alone = stage(spec, dir);
    const stand: Runtime = { ...runtime, start: () => new StandIn(runtime) };
    const turn = new Turn(runOf(dir), scriptOf(request), {
      runtime: stand,
      spec: alone,
      workspace: new Workspace(alone),
      keeper: new AgentKeeper(stand, alone, log, () => {}),
      forwarder: null,
      changes: new ChangeTracker(alone, log),
      log,
      onTail: () => {},
      onAsking: () => {},
    });
    await turn.execute();
    if (spec.forward_keys !== false) await rehearseForwarding();
  } finally {
    removeIfExists(dir, { recursive: true });
  }
}

/** The host's own place, but for everything a turn would change. */
function stage(spec: HostSpec, dir: string): HostSpec {
  const { hook: _, ...workspace } = spec.workspace;
  const earlier = { session_dir: join(dir, "earlier"), config_dir: null, python: [] };
  return {
    ...spec,
    session_dir: join(dir, "session"),
    temp_dir: join(dir, "tmp"),
    // Skills of a task go into its agent's directory; without one they are left alone.
    config_dir: null,
    workspace: { ...workspace, clone: null, earlier },
  };
}

function runOf(dir: string): RunSpec {
  return {
    id: "rehearsal",
    dir,
    task_id: 1,
    subtask_id: 1,
    response_id: newResponseId(),
    created_at: Math.floor(Date.now() / 1000),
    builder: { text_offset: 0, tool_index: 1, terminal: false },
  };
}

/** Without a device nobody is told of changed files. */
function scriptOf(request: ExecuteRequest): ExecuteRequest {
  return { ...request, prompt: "", attachments: [], git_url: null, device_id: null };
}

/** Says what the runtime has it say, and is done. */
class StandIn implements AgentProcess {
  constructor(private readonly runtime: Runtime) {}

  readonly pid = 0;
  readonly exited = false;
  readonly malformed = 0;
  readonly exit = new Promise<never>(() => {});

  turn({ append, builder }: TurnRequest): AgentTurn {
    append(this.runtime.rehearse(builder));
    return {
      finish: Promise.resolve({ kind: "completed", completion: { text: "." } }),
      interrupt: () => Promise.resolve(true),
      steer: () => false,
      close: () => {},
    };
  }

  settle(): Promise<boolean> {
    return Promise.resolve(true);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}
