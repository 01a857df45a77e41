/** `wegent-executor permissions`: each fence, what it allows, whether it is active. */
import { EXIT } from "../platform/mod.ts";
import { deviceScope } from "../supervisor/mod.ts";
import { renderDenoFlags, renderWorkerPermissions, sandboxStatus } from "../scope/mod.ts";
import { parseFlags } from "./arguments.ts";
import { configSources, loadSettings } from "./environment.ts";
import { print, printJson } from "./output.ts";

export default async function permissions(args: string[]): Promise<number> {
  const parsed = parseFlags({
    name: "permissions",
    examples: [
      "wegent-executor permissions",
      "wegent-executor permissions --json",
    ],
    summary:
      "Shows the fences around the device worker and the agents, derived from the allowed roots.",
    flags: [
      { name: "json", help: "Print JSON" },
      { name: "config", value: "FILE", help: "Another configuration file" },
    ],
  }, args);
  if (!parsed) return EXIT.ok;
  const settings = await loadSettings(configSources(parsed.flags));
  const scope = deviceScope(settings);
  const worker = renderWorkerPermissions(scope);
  const sandbox = sandboxStatus(settings.sandbox.mode);
  if (parsed.flags["json"]) {
    printJson({
      roots: settings.allowedRoots,
      worker: { active: true, permissions: worker },
      sandbox,
      resolver: { active: true, roots: settings.allowedRoots },
      deno_flags: renderDenoFlags(scope),
    });
    return EXIT.ok;
  }
  print("Allowed roots");
  for (const root of settings.allowedRoots) print(`  ${root}`);
  print();
  print("1. Device worker (Deno permissions): active");
  for (const [name, value] of Object.entries(worker)) {
    print(
      `  ${name.padEnd(7)} ${
        Array.isArray(value) ? value.join(", ") || "nothing" : value ? "all" : "nothing"
      }`,
    );
  }
  for (const { path, reason } of scope.leftOut) print(`  without ${path}: ${reason}`);
  print();
  print(
    `2. Agents (operating system's sandbox): ${sandbox.active ? "active" : "NOT ACTIVE"}`,
  );
  print(
    `  mode    ${sandbox.mode}${sandbox.reason ? ` (${sandbox.reason})` : ""}`,
  );
  print(
    "  write   the session's directory, its state and temporary directory, usual caches",
  );
  print(
    "  read    everything but this program's own state and sandbox.deny_read",
  );
  for (const limit of sandbox.limits) print(`  does not stop: ${limit}`);
  print();
  print(
    "3. Resolver: active; a session works only inside the allowed roots, links resolved",
  );
  return EXIT.ok;
}
