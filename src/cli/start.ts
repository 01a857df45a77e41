/** `wegent-executor [start]`: runs the device against a server. */
import { AppError, EXIT } from "../platform/mod.ts";
import { parseFlags, type Usage, usageError } from "./arguments.ts";
import { replaceProcess, requireServer, restartToken, runDaemon } from "./daemon.ts";
import { configSources, loadSettings, openLog } from "./environment.ts";
import { note } from "./output.ts";

const USAGE: Usage = {
  name: "start",
  examples: [
    "WEGENT_BACKEND_URL=https://wegent.example.com WEGENT_AUTH_TOKEN=wg-… wegent-executor",
    "wegent-executor --config ~/other-device.json",
  ],
  summary: "Connects this computer to a server as a device and runs the tasks it is sent.",
  flags: [
    {
      name: "config",
      value: "FILE",
      help: "Configuration file (default ~/.wegent-executor/device-config.json)",
    },
    { name: "mode", value: "MODE", help: 'Only "local" exists' },
    {
      name: "token",
      value: "TOKEN",
      help: "Credential for this run; - reads standard input",
    },
    { name: "upgrade", help: "Update the program (not in this build)" },
    { name: "yes", alias: "y", help: "Answer questions with yes" },
    { name: "verbose", help: "Log to standard error as well" },
  ],
};

export default async function start(args: string[]): Promise<number> {
  const parsed = parseFlags(USAGE, args);
  if (!parsed) return EXIT.ok;
  const { mode, token, upgrade, verbose } = parsed.flags;
  if (mode !== undefined && mode !== "local") {
    throw usageError(
      USAGE,
      `Cannot run in mode "${mode}": only "local" exists`,
    );
  }
  if (upgrade) {
    throw new AppError(
      "update_disabled",
      "This build cannot update itself: it carries no release key",
      {
        remedy: "Install the new version the way this one was installed",
      },
    );
  }
  const carried = restartToken();
  const given = typeof token === "string" ? await readToken(token) : carried;
  const sources = {
    ...configSources(parsed.flags),
    ...(given !== undefined && { token: given }),
  };
  const settings = await loadSettings(sources);
  requireServer(settings);
  const log = openLog(settings, verbose === true);
  try {
    const end = await runDaemon(settings, log, {
      reload: () => loadSettings(sources),
      onRegistered: (server) => note(`Device "${settings.deviceName}" is registered at ${server}`),
    });
    if (end === "restart") replaceProcess(given);
    return EXIT.ok;
  } finally {
    log.close();
  }
}

async function readToken(token: string): Promise<string> {
  if (token !== "-") {
    note(
      "warning: a token on the command line can be read by others on this machine; use --token -",
    );
    return token;
  }
  const text = await new Response(Deno.stdin.readable).text();
  const line = text.split("\n")[0]?.trim() ?? "";
  if (!line) {
    throw new AppError("usage", "No token came on standard input", {
      exitCode: EXIT.usage,
    });
  }
  return line;
}
