/** What the dispatcher knows of hosts, and what it needs of the worker around it. */
import type { HostCommand } from "../hosts/mod.ts";
import type { WorkdirEvent } from "../protocol/mod.ts";
import type { HostStart } from "./messages.ts";
import type { OutboxLink } from "./outbox.ts";
import type { Run } from "./run.ts";

/** A live session host. */
export interface HostState {
  readonly hostId: string;
  readonly taskId: number;
}

/** A run that goes on in a host of the previous daemon. */
export interface RunInHost {
  readonly hostId: string;
  readonly asking: number;
}

/** A host that is attached and ready for a turn. */
export interface StartedHost extends HostState {
  readonly where: WorkdirEvent;
}

/** What the dispatcher needs from the worker around it. */
export interface DispatchSeam {
  readonly link: OutboxLink & { beat(): void };
  /** Asks the supervisor for a host; resolves when it is attached. `onNote`: what that waits for. */
  startHost(
    request: Omit<HostStart, "t" | "id">,
    onNote: (text: string) => void,
  ): Promise<StartedHost>;
  sendToHost(hostId: string, command: HostCommand): void;
  killHost(hostId: string): void;
  /** A run was accepted, handed to a host, found again or has ended. */
  changed(run: Run): void;
  /** Asks for an agent that waits for the next session like that of a host. */
  keepSpare(like: string): void;
  log(
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields?: Record<string, unknown>,
  ): void;
}
