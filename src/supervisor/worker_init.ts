/** What a device worker is told at its start. */
import type { Settings } from "../config/mod.ts";
import type { WorkerInit } from "../device/mod.ts";
import { trustedCertificates, VERSION } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import type { SandboxStatus } from "../scope/mod.ts";
import { serverProxy } from "./device_scope.ts";
import { sealKey } from "./seal_key.ts";

/** Builds the worker's first message from the settings and what is alive. */
export function workerInit(
  settings: Settings,
  live: { readonly sandbox: SandboxStatus } & Pick<WorkerInit, "hosts" | "workdirs">,
): WorkerInit {
  const { paths, backendUrl } = settings;
  const { sandbox, hosts, workdirs } = live;
  const secure = /^(https|wss):/.test(backendUrl);
  return {
    backendUrl,
    authToken: settings.authToken,
    deviceId: settings.deviceId,
    deviceName: settings.deviceName,
    deviceType: settings.deviceType,
    bindShell: settings.bindShell,
    version: VERSION,
    slots: settings.slots,
    heartbeatMs: settings.heartbeatMs,
    reconnect: settings.reconnect,
    journalDays: settings.journalDays,
    runsDir: paths.runs,
    doneDir: paths.done,
    tasksFile: join(paths.state, "tasks.db"),
    sealKey: sealKey(join(paths.run, "requests.key")),
    aliveFile: join(paths.state, "alive"),
    awayMs: awayFor(join(paths.state, "alive")),
    sandbox: sandbox.active ? `landlock ${sandbox.abi}` : "none",
    proxyUrl: serverProxy(settings),
    caCerts: secure ? trustedCertificates(Deno.env.toObject()) : [],
    hosts,
    workdirs,
    forbidden: { config: settings.configFile, home: settings.userHome },
  };
}

/** Milliseconds since the previous daemon was last seen with waiting tasks; a lot when it never was. */
function awayFor(aliveFile: string): number {
  try {
    const seen = Deno.statSync(aliveFile).mtime?.getTime();
    return seen === undefined ? Number.MAX_SAFE_INTEGER : Date.now() - seen;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return Number.MAX_SAFE_INTEGER;
    throw error;
  }
}
