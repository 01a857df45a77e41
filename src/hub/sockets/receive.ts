/** The edge of both namespaces: every event gets one answer, and none ends the hub. */
import type { Socket } from "socket.io";
import { errorText, toAppError } from "../../platform/mod.ts";
import type { HubCore } from "../core.ts";

/** Answers an event; does nothing when no answer was asked for. */
export type Ack = (answer: object) => void;

/**
 * Hands each event of `socket` to `handle` with its arguments, the acknowledgement apart. What is thrown
 * becomes the answer; a fault of ours is logged and not told.
 */
export function receive(
  socket: Socket,
  core: HubCore,
  handle: (name: string, args: unknown[], ack: Ack) => void,
): void {
  socket.onAny((event: unknown, ...args: unknown[]) => {
    // The library also lets numbers through as names.
    const name = String(event).slice(0, 100);
    const last = args.at(-1);
    const ack: Ack = typeof last === "function" ? last as Ack : () => {};
    if (typeof last === "function") args.pop();
    try {
      handle(name, args, ack);
    } catch (error) {
      refuse(core, name, error, ack);
    }
  });
}

/** Answers an event that failed. */
export function refuse(core: HubCore, name: string, error: unknown, ack: Ack): void {
  const known = toAppError(error);
  if (known.code === "internal_error") {
    core.log("error", `Event ${name} failed`, { error: errorText(error) });
    ack({ error: "Internal error" });
  } else ack({ error: known.message });
}
