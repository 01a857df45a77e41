/**
 * Answers to events this version does not serve, in the shapes their senders read. A sender that gets none
 * waits in vain for minutes; one that gets another shape fails with an error of its own.
 */
import { VERSION } from "../../platform/mod.ts";

const REASON = "is not supported by this version of the device";

/** An answer, and an event to emit where the sender listens for that instead. */
export interface Unsupported {
  readonly answer: Record<string, unknown>;
  readonly event?: { readonly name: string; readonly payload: Record<string, unknown> };
}

/** The answer to an event that nothing here handles. */
export function unsupported(name: string, payload: unknown, deviceId: string): Unsupported {
  const given = typeof payload === "object" && payload !== null ? payload : {};
  switch (name) {
    case "device:execute_command":
      return { answer: commandFailure(`Running commands ${REASON}`) };
    case "device:sync_capabilities": {
      const error = `Synchronising skills, plugins and MCP servers ${REASON}`;
      const mode = Reflect.get(given, "mode") === "replace" ? "replace" : "merge";
      const none = { skills: [], plugins: [], mcps: [] };
      return { answer: { success: false, mode, ...none, errors: [{ error }], error } };
    }
    case "device:start_terminal_session":
      return refuse(`A terminal ${REASON}`);
    case "device:start_code_server_session":
      return refuse("Session gateway is disabled");
    case "terminal:input":
    case "terminal:resize":
    case "terminal:close":
      return refuse("Terminal session not found");
    case "device:upgrade":
      return { ...refuse(UPGRADE), event: upgradeRefused(deviceId) };
    case "task:error":
      // Nobody sends it; there is nothing to do.
      return { answer: { success: true } };
    default:
      return refuse(`Unsupported event: ${name.slice(0, 100)}`);
  }
}

const UPGRADE = "This build cannot update itself: it carries no release key";

function refuse(error: string): Unsupported {
  return { answer: { success: false, error } };
}

/** Every member the sender's schema requires. */
function commandFailure(error: string): Record<string, unknown> {
  return {
    success: false,
    exit_code: null,
    stdout: "",
    stderr: "",
    duration: 0,
    timed_out: false,
    error,
  };
}

/** Nobody waits for an acknowledgement of an upgrade: its answers are events. */
function upgradeRefused(deviceId: string): NonNullable<Unsupported["event"]> {
  return {
    name: "device:upgrade_status",
    payload: {
      device_id: deviceId,
      status: "error",
      message: `Upgrade failed: ${UPGRADE}`,
      old_version: VERSION,
      error: UPGRADE,
    },
  };
}
