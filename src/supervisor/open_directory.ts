/** Showing a directory on the desktop of the device, for its own user. */
import type { Settings } from "../config/mod.ts";
import { AppError, errorText } from "../platform/mod.ts";
import { decideWorkdir, showPath } from "../workdir/mod.ts";

/** A file manager that has not come back by then shows the directory itself. */
const OPENER_MS = 5000;

/** Programs that show a directory, by system. */
const OPENERS: Readonly<Record<string, string>> = { darwin: "open", windows: "explorer" };

/**
 * Opens `path` in the file manager.
 *
 * Only where the owner switched it on (`open_directory`), only directories a session may work in or has
 * worked in, and only by the system's own opener with the path as its one argument.
 *
 * @param known Directories of this device's sessions, resolved.
 * @throws {AppError} `open_disabled`, `open_refused`, `open_no_desktop` or `open_failed`.
 */
export async function openDirectory(
  settings: Settings,
  path: string,
  known: readonly string[],
  env: Readonly<Record<string, string>> = Deno.env.toObject(),
): Promise<void> {
  if (!settings.openDirectory) {
    throw new AppError("open_disabled", "This device does not open directories for its server", {
      remedy: "Allow it with `wegent-executor config set open_directory true`",
    });
  }
  const desktop = Deno.build.os !== "linux" || env["DISPLAY"] || env["WAYLAND_DISPLAY"];
  if (!desktop) {
    throw new AppError("open_no_desktop", "This device has no desktop to show a directory on");
  }
  await start(env, await allowed(settings, path, known));
}

/** The directory behind `path`. @throws {AppError} `open_refused`. */
async function allowed(
  settings: Settings,
  path: string,
  known: readonly string[],
): Promise<string> {
  if (known.includes(path)) return path;
  const decision = await decideWorkdir(
    { taskId: 0, deviceId: null, workdir: path, policy: "existing" },
    { ...settings, executorHome: settings.paths.home },
  );
  if (decision.kind === "directory") return decision.path;
  throw new AppError(
    "open_refused",
    `Cannot show "${showPath(path)}": ${decision.reason ?? "it is a managed directory"}`,
  );
}

async function start(env: Readonly<Record<string, string>>, path: string): Promise<void> {
  const opener = OPENERS[Deno.build.os] ?? "xdg-open";
  const late = AbortSignal.timeout(OPENER_MS);
  try {
    const child = new Deno.Command(opener, {
      args: [path],
      clearEnv: true,
      env: withoutSecrets(env),
      stdin: "null",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
    child.unref();
    const status = await Promise.race([
      child.status,
      new Promise<null>((resolve) => late.addEventListener("abort", () => resolve(null))),
    ]);
    // Explorer ends with 1 when all went well.
    if (status === null || status.success || Deno.build.os === "windows") return;
    throw new AppError("open_failed", `"${opener}" ended with status ${status.code}`);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("open_failed", `Cannot start "${opener}": ${errorText(error)}`, {
      cause: error,
    });
  }
}

function withoutSecrets(env: Readonly<Record<string, string>>): Record<string, string> {
  const kept =
    /^(PATH|HOME|USER|LOGNAME|LANG|LC_\w+|XDG_\w+|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|DBUS_SESSION_BUS_ADDRESS|SYSTEMROOT|WINDIR)$/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => kept.test(name)));
}
