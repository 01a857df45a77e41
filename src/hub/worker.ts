/**
 * The hub's thread. It runs with the rights to its data directory (and how much room there is on that
 * disk) and its listening address and no others; the main thread only starts it, stops it and asks it for keys and links.
 */
import "./no_environment.ts";
import { toAppError } from "../platform/mod.ts";
import { type HubServer, serveHub } from "./server.ts";
import { type FromWorker, type ToWorker, toWorker } from "./worker_messages.ts";

const scope = self as unknown as {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent) => void) | null;
  close(): void;
};

/** Codes of node's errors that mean the same. */
const LOST_CODES: ReadonlySet<string> = new Set([
  "EPIPE",
  "ECONNRESET",
  "ECONNABORTED",
  "ERR_STREAM_DESTROYED",
]);

let hub: HubServer | null = null;

// A peer that is gone while it is written to must not take the others with it; Deno 2.6 reports that as
// a rejection nobody can catch. Any other fault ends the thread, and the main thread starts a new one.
addEventListener("unhandledrejection", (event) => {
  if (isLostConnection(event.reason)) event.preventDefault();
});
addEventListener("error", (event) => {
  if (isLostConnection(event.error)) event.preventDefault();
});

scope.onmessage = (event) => {
  const message = toWorker.parse(event.data);
  handle(message).catch((error) => {
    const shape = toAppError(error).toJSON();
    if ("id" in message) {
      scope.postMessage({ type: "refused", id: message.id, error: shape });
    } else scope.postMessage({ type: "failed", error: shape });
  });
};

async function handle(message: ToWorker): Promise<void> {
  switch (message.type) {
    case "start": {
      const { type: _, ...options } = message;
      hub = await serveHub({
        ...options,
        timings: Object.fromEntries(
          Object.entries(options.timings).filter(([, ms]) => ms !== undefined),
        ),
        log: (level, text, fields) =>
          scope.postMessage({
            type: "log",
            level,
            message: text,
            ...(fields && { fields: { ...fields } }),
          }),
      });
      hub.onSocket(() => scope.postMessage({ type: "connected" }));
      return scope.postMessage({ type: "ready", firstRun: hub.firstRun });
    }
    case "stop":
      await hub?.close();
      scope.postMessage({ type: "stopped" });
      return scope.close();
    case "create_api_key":
      return scope.postMessage({
        type: "reply",
        id: message.id,
        value: running().core.createApiKey(message.user, message.name),
      });
    case "issue_login_link":
      return scope.postMessage({
        type: "reply",
        id: message.id,
        value: running().core.issueLoginLink(),
      });
  }
}

function isLostConnection(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    LOST_CODES.has(String((error as { code?: unknown } | null)?.code));
}

function running(): HubServer {
  if (!hub) throw new Error("The hub is not running");
  return hub;
}
