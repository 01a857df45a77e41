/**
 * The hub's thread. It runs with the rights to its data directory and its listening address and no
 * others; the main thread only starts it, stops it and asks it for keys and links.
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

let hub: HubServer | null = null;

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

function running(): HubServer {
  if (!hub) throw new Error("The hub is not running");
  return hub;
}
