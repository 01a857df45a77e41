/** `wegent-executor up`: a hub and a device on this machine. */
import { EXIT } from "../platform/mod.ts";
import { parsePort, runHubAndDevice } from "./_hub_and_device.ts";
import { parseFlags } from "./arguments.ts";
import { configSources, loadSettings, openLog } from "./environment.ts";

const DEFAULT_PORT = 8787;

export default async function up(args: string[]): Promise<number> {
  const parsed = parseFlags({
    name: "up",
    examples: ["wegent-executor up", "wegent-executor up --port 9000"],
    summary:
      "Runs a hub (server and page) and this device together; data stays in the executor's home.",
    flags: [
      {
        name: "port",
        value: "PORT",
        help: `Port of the hub on 127.0.0.1 (default ${DEFAULT_PORT})`,
      },
      { name: "no-open", help: "Do not open the browser" },
      { name: "verbose", help: "Log to standard error as well" },
    ],
  }, args);
  if (!parsed) return EXIT.ok;
  const reload = () => loadSettings(configSources());
  const settings = await reload();
  const log = openLog(settings, parsed.flags["verbose"] === true);
  try {
    return await runHubAndDevice({
      settings,
      reload,
      log,
      port: parsePort(parsed.flags["port"], DEFAULT_PORT),
      openBrowser: parsed.flags["no-open"] !== true,
    });
  } finally {
    log.close();
  }
}
