/**
 * What the daemon would do, as the user of a world: answers one JSON request a line.
 *
 * - `{"op":"decide","request","context"}` → the resolver's decision
 * - `{"op":"worker","source","scope"}` → what a device worker with that scope's rights, or with all
 *   rights when it is null, says after running `source`
 */
import { deriveScope, renderWorkerPermissions, type ScopeInput } from "../../src/scope/mod.ts";
import { decideWorkdir, type WorkdirContext, type WorkdirRequest } from "../../src/workdir/mod.ts";

/** A request of the test. */
export type DriverRequest =
  | { readonly op: "decide"; readonly request: WorkdirRequest; readonly context: WorkdirContext }
  | { readonly op: "worker"; readonly source: string; readonly scope: ScopeInput | null };

const WORKER_MS = 20_000;

async function answer(order: DriverRequest): Promise<unknown> {
  if (order.op === "decide") return await decideWorkdir(order.request, order.context);
  const permissions = order.scope ? renderWorkerPermissions(deriveScope(order.scope)) : "inherit";
  return await runWorker(order.source, permissions);
}

async function runWorker(
  source: string,
  permissions: Deno.PermissionOptionsObject | "inherit",
): Promise<string> {
  const code = `try { ${source}; self.postMessage("done"); }
    catch (error) { self.postMessage(error.name + ": " + error.message); }`;
  const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const worker = new Worker(url, {
    type: "module",
    deno: { permissions },
  } as WorkerOptions);
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve("silent"), WORKER_MS);
  worker.onmessage = (event) => resolve(String(event.data));
  worker.onerror = (event) => {
    event.preventDefault();
    resolve(event.message);
  };
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.terminate();
    URL.revokeObjectURL(url);
  }
}

const encoder = new TextEncoder();
let rest = "";
for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const value = await answer(JSON.parse(line)).catch((error) => ({ error: String(error) }));
    Deno.stdout.writeSync(encoder.encode(`${JSON.stringify({ value })}\n`));
  }
}
