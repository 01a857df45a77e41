/** `wegent-executor hub`: the server half alone. */
import { executorHome, expandHome, homePaths } from "../config/mod.ts";
import { EXIT } from "../platform/mod.ts";
import { startHub } from "../hub/mod.ts";
import { parsePort } from "./_hub_and_device.ts";
import { parseFlags } from "./arguments.ts";
import { configSources } from "./environment.ts";
import { findLogins, providersOf } from "./login.ts";
import { note, print } from "./output.ts";

const DEFAULT_PORT = 8787;

export default async function hub(args: string[]): Promise<number> {
  const parsed = parseFlags({
    name: "hub",
    examples: [
      "wegent-executor hub",
      "wegent-executor hub --port 9000 --data ~/hub-data",
    ],
    summary:
      "Runs a server for devices of your own: API, sockets, database and web page on 127.0.0.1.",
    flags: [
      {
        name: "port",
        value: "PORT",
        help: `Port on 127.0.0.1 (default ${DEFAULT_PORT})`,
      },
      {
        name: "data",
        value: "DIR",
        help: "Directory of the database (default ~/.wegent-executor/hub)",
      },
    ],
  }, args);
  if (!parsed) return EXIT.ok;
  const sources = configSources();
  const { data } = parsed.flags;
  const logins = await findLogins(sources.userHome, sources.env);
  const server = await startHub({
    port: parsePort(parsed.flags["port"], DEFAULT_PORT),
    dataDir: typeof data === "string"
      ? expandHome(data, Deno.cwd())
      : homePaths(executorHome(sources)).hub,
    providers: providersOf(logins),
    log: (level, message) =>
      level === "error" || level === "warn" ? note(`${level}: ${message}`) : undefined,
  });
  print(`Hub at ${server.url}`);
  if (server.firstRun) {
    print(`  Open   ${server.firstRun.loginUrl}`);
    print(
      `  or sign in as "admin" with password ${server.firstRun.password} (shown once)`,
    );
  }
  const stopped = Promise.withResolvers<void>();
  const stop = () => stopped.resolve();
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  await stopped.promise;
  note("Stopping");
  await server.stop();
  return EXIT.ok;
}
