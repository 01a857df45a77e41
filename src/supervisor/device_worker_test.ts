import { assert, assertEquals } from "../../tests/support/assert.ts";
import type { FromWorker, ToWorker } from "../device/mod.ts";
import { Logger } from "../platform/mod.ts";
import { DeviceWorkerProcess } from "./device_worker.ts";

/** A worker that does what `code` says when its first message comes. */
function moduleUrl(code: string): string {
  return `data:application/javascript,${
    encodeURIComponent(`self.onmessage = () => { ${code} }; self.postMessage({ t: "ready" });`)
  }`;
}

async function waitFor(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((r) => setTimeout(r, 20));
  assert(condition());
}

const quiet = new Logger();

Deno.test("DeviceWorkerProcess starts a dead worker again, each time after a longer pause", async () => {
  const starts: number[] = [];
  const process = new DeviceWorkerProcess({
    permissions: () => "none",
    url: moduleUrl("throw new Error('hole')"),
    init() {
      starts.push(performance.now());
      return Promise.resolve({ t: "status", id: 1 } as ToWorker);
    },
    onMessage() {},
    log: quiet,
  });
  process.start();
  await waitFor(() => starts.length >= 4);
  process.stop();
  assert(process.restarts >= 3);
  const pauses = starts.slice(1).map((at, i) => at - starts[i]!);
  assert(pauses[0]! >= 100 && pauses[1]! >= 200 && pauses[2]! >= 400, String(pauses));
  const { restarts } = process;
  await new Promise((resolve) => setTimeout(resolve, 1200));
  assertEquals(process.restarts, restarts, "a stopped one stays down");
});

Deno.test("DeviceWorkerProcess refuses messages that are not of the agreed kind", async () => {
  const seen: FromWorker[] = [];
  const process = new DeviceWorkerProcess({
    permissions: () => "none",
    url: moduleUrl(
      `self.postMessage({ t: "host.start", id: 1, kind: "shell", argv: ["sh"] });
       self.postMessage({ t: "host.start", id: 1, kind: "agent", runtime: "claude", task_id: 1,
         key: "../../x", own_login: false, workdir: null, workdir_policy: null });
       self.postMessage("text");
       self.postMessage({ t: "drained", id: 7 });`,
    ),
    init: () => Promise.resolve({ t: "status", id: 1 } as ToWorker),
    onMessage: (message) => void seen.push(message),
    log: quiet,
  });
  process.start();
  await waitFor(() => seen.length > 0);
  process.stop();
  assertEquals(seen, [{ t: "drained", id: 7 }]);
});
