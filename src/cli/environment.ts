/** What commands share: settings from the environment and flags, the log, the agent's CLI. */
import {
  type ConfigSources,
  executorHome,
  homePaths,
  loadSettings,
  type Settings,
} from "../config/mod.ts";
import { AppError, EXIT, Logger } from "../platform/mod.ts";

/** The user's home directory. @throws {AppError} `no_home` when the environment names none. */
export function userHome(): string {
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE");
  if (home) return home;
  throw new AppError(
    "no_home",
    "Cannot find your home directory: HOME is not set",
    {
      exitCode: EXIT.config,
      remedy: "Set HOME, or WEGENT_EXECUTOR_HOME to an absolute path",
    },
  );
}

/** Sources of the configuration for this invocation. */
export function configSources(
  flags: Readonly<Record<string, string | true>> = {},
): ConfigSources {
  const { config, token } = flags;
  return {
    env: Deno.env.toObject(),
    userHome: userHome(),
    ...(typeof config === "string" && { file: config }),
    ...(typeof token === "string" && { token }),
  };
}

/** The supervisor's directory of this home, for commands that talk to the daemon. */
export function runDir(): string {
  return homePaths(executorHome(configSources())).run;
}

export { loadSettings };

/** The daemon's log; its credential is masked. */
export function openLog(settings: Settings, stderr: boolean): Logger {
  const env = Deno.env.toObject();
  const dir = env["WEGENT_EXECUTOR_LOG_DIR"] || settings.paths.logs;
  const log = new Logger({
    file: `${dir}/${env["WEGENT_EXECUTOR_LOG_FILE"] || "executor.log"}`,
    level: settings.log.level,
    maxBytes: settings.log.maxBytes,
    backups: settings.log.backups,
    stderr,
  });
  log.mask(settings.authToken);
  return log;
}
