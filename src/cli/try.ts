/** `wegent-executor try`: everything on this machine, in a temporary home. */
import { executorHome, homePaths } from "../config/mod.ts";
import { EXIT, removeIfExists } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import { parsePort, runHubAndDevice } from "./_hub_and_device.ts";
import { parseFlags } from "./arguments.ts";
import { configSources, loadSettings, openLog } from "./environment.ts";
import { note } from "./output.ts";

export default async function tryOut(args: string[]): Promise<number> {
  const parsed = parseFlags({
    name: "try",
    examples: ["wegent-executor try", "wegent-executor try --keep"],
    summary: "Runs a hub and a device in a temporary home; without a login a demo model answers.",
    flags: [
      { name: "keep", help: "Keep the home for the next time" },
      {
        name: "port",
        value: "PORT",
        help: "Port of the hub on 127.0.0.1 (default: a free one)",
      },
      { name: "no-open", help: "Do not open the browser" },
      { name: "verbose", help: "Log to standard error as well" },
    ],
  }, args);
  if (!parsed) return EXIT.ok;
  const sources = configSources();
  const keep = parsed.flags["keep"] === true;
  const usual = executorHome(sources);
  const home = keep ? join(usual, "try") : Deno.makeTempDirSync({ prefix: "wegent-try-" });
  try {
    // Only what says how to look and reach out; no server, no identity of the real device.
    const env = { ...withoutDevice(sources.env), WEGENT_EXECUTOR_HOME: home };
    const reload = () => loadSettings({ userHome: sources.userHome, env });
    const settings = await reload();
    // The agent's CLI is installed once, not for each try.
    const agents = homePaths(usual).agents;
    const log = openLog(settings, parsed.flags["verbose"] === true);
    try {
      return await runHubAndDevice({
        settings: { ...settings, paths: { ...settings.paths, agents } },
        reload,
        log,
        port: parsePort(parsed.flags["port"], 0),
        openBrowser: parsed.flags["no-open"] !== true,
      });
    } finally {
      log.close();
    }
  } finally {
    if (keep) note(`Kept in ${home}`);
    else removeIfExists(home, { recursive: true });
  }
}

function withoutDevice(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const own = /^(WEGENT_|DEVICE_|LOCAL_WORK|EXECUTOR_MODE$|BIND_SHELL$)/;
  const kept = /^WEGENT_EXECUTOR_(IDLE_SECONDS|STALL_SECONDS|SANDBOX)$/;
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !own.test(name) || kept.test(name)),
  );
}
