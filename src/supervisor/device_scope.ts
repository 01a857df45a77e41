/** The device worker's scope for the settings in force: the one derivation for daemon and command line. */
import type { Settings } from "../config/mod.ts";
import { proxyFor } from "../platform/mod.ts";
import { deriveScope, type Scope } from "../scope/mod.ts";

/** The proxy to the server, or null; from the environment. */
export function serverProxy({ backendUrl }: Settings): string | null {
  return backendUrl ? proxyFor(backendUrl, Deno.env.toObject()) : null;
}

/** Derives the scope of a device with these settings. */
export function deviceScope(settings: Settings): Scope {
  return deriveScope({
    workspaceRoot: settings.workspaceRoot,
    allowedRoots: settings.allowedRoots,
    stateDir: settings.paths.state,
    backendUrl: settings.backendUrl,
    proxyUrl: serverProxy(settings),
  });
}
