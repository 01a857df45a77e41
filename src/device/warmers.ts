/** What the sessions of this device were last asked, so that a spare can be started like one of them. */
import type { HostCommand } from "../hosts/mod.ts";
import type { ExecuteRequest } from "../protocol/mod.ts";

/** See the module comment. */
export class Warmers {
  /** The last request of each host that ended a turn well. */
  readonly #requests = new Map<string, ExecuteRequest>();

  constructor(private readonly sendToHost: (hostId: string, command: HostCommand) => void) {}

  /** A turn has ended well. */
  ended(hostId: string, request: ExecuteRequest): void {
    this.#requests.set(hostId, request);
  }

  closed(hostId: string): void {
    this.#requests.delete(hostId);
  }

  /** A spare for sessions like that of host `like`: its agent is started with what that one was. */
  started(like: string, hostId: string): void {
    const request = this.#requests.get(like);
    if (!request) return;
    this.sendToHost(hostId, {
      cmd: "warm",
      request: { ...request, prompt: "", attachments: [] },
    });
  }
}
