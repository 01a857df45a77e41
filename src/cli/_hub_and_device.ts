/** A hub and a device in one process, for `up` and `try`. */
import type { Settings } from "../config/mod.ts";
import {
  AppError,
  ensurePrivateDir,
  EXIT,
  type Logger,
  readTextIfExists,
  writeFileAtomic,
} from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import { AGENT_KINDS, AGENTS } from "../protocol/mod.ts";
import { type Hub, startHub } from "../hub/mod.ts";
import { agentFinder, replaceProcess, runDaemon } from "./daemon.ts";
import { findLogins, type Logins, providersOf } from "./login.ts";
import { note, print } from "./output.ts";

export interface UpOptions {
  readonly settings: Settings;
  /** Reads the configuration again. */
  reload(): Promise<Settings>;
  readonly log: Logger;
  /** Port of the hub; 0 for any free one. */
  readonly port: number;
  /** Opens the page when this machine has a browser. */
  readonly openBrowser: boolean;
}

/** What the hub says in the terminal and on the page when no real model answers. */
const DEMO = "demo model: scripted answers, no AI";

/** Runs both until a signal or `stop` ends them. */
export async function runHubAndDevice(
  { settings, reload, log, port, openBrowser }: UpOptions,
): Promise<number> {
  const logins = await findLogins(settings.userHome, Deno.env.toObject());
  const hub = await startHub({
    port,
    dataDir: settings.paths.hub,
    providers: providersOf(logins),
    log: (level, message, fields) => log.write(level, message, fields),
  });
  let end: string;
  try {
    // Said before the device registers: an installation may take minutes.
    const agentBinary = agentFinder(settings, log);
    await agentBinary("claude");
    const link = hub.firstRun?.loginUrl ?? await hub.issueLoginLink();
    end = await runDaemon(
      {
        ...settings,
        backendUrl: hub.url,
        authToken: await deviceKey(hub, settings),
      },
      log,
      { reload, agentBinary, onRegistered: once(() => announce(hub, link, logins, openBrowser)) },
    );
  } finally {
    await hub.stop();
  }
  if (end === "restart") replaceProcess();
  return EXIT.ok;
}

function announce(
  hub: Hub,
  link: string,
  logins: Logins,
  openBrowser: boolean,
): void {
  print();
  print(`  Open  ${link}`);
  print();
  if (hub.firstRun) {
    note(
      `  Later: sign in at ${hub.url} as "admin" with password ${hub.firstRun.password}`,
    );
  }
  for (const line of answerLines(logins)) note(`  ${line}`);
  note("  Ctrl+C ends everything");
  if (openBrowser) void openPage(link);
}

/** Who answers, one line for each agent, or one for both where there is no login at all. */
function answerLines(logins: Logins): string[] {
  if (AGENT_KINDS.every((agent) => logins[agent] === null)) return [DEMO];
  return AGENT_KINDS.map((agent) => {
    const { name } = AGENTS[agent];
    const login = logins[agent];
    if (login) return `${name} uses your ${login}`;
    const key = agent === "codex" && Deno.env.get("OPENAI_API_KEY");
    return `${name}: ${DEMO}${key ? "; enter the key of OPENAI_API_KEY in the settings" : ""}`;
  });
}

/** The device's own key for this hub, made once. */
async function deviceKey(hub: Hub, settings: Settings): Promise<string> {
  ensurePrivateDir(settings.paths.run);
  const path = join(settings.paths.run, "hub-device.key");
  const stored = readTextIfExists(path)?.trim();
  if (stored && !hub.firstRun) return stored;
  const key = await hub.createApiKey("admin", `device ${settings.deviceName}`.slice(0, 100));
  writeFileAtomic(path, key + "\n");
  return key;
}

async function openPage(url: string): Promise<void> {
  const opener = { darwin: "open", windows: "explorer" }[Deno.build.os as string] ??
    "xdg-open";
  if (
    Deno.build.os === "linux" && !Deno.env.get("DISPLAY") &&
    !Deno.env.get("WAYLAND_DISPLAY")
  ) return;
  try {
    await new Deno.Command(opener, {
      args: [url],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
  } catch (error) {
    // The link is printed as well.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function once(fn: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    fn();
  };
}

/** Reads a port number. @throws {AppError} `usage` (exit 2). */
export function parsePort(
  text: string | true | undefined,
  fallback: number,
): number {
  if (text === undefined) return fallback;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new AppError(
    "usage",
    `Cannot use port "${text}": it must be a number from 0 to 65535`,
    {
      exitCode: EXIT.usage,
    },
  );
}
