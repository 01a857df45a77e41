/** Which variables a request may set for a command. */
import { AppError } from "../platform/errors.ts";

/**
 * Names with which the loader, this program or a shell runs or writes something before the sandbox is
 * in place (decision 18).
 */
const REFUSED = /^(?:LD_.*|DYLD_.*|DENO_.*|NODE_OPTIONS|BASH_ENV|ENV)$/;

/**
 * Checks variables that a request wants to set for a command or a terminal.
 *
 * They reach the launcher with the command's environment, and the dynamic loader acts on `LD_*` in it
 * before any of our code has run.
 *
 * @throws {AppError} `env_refused` that names the variable, or `env_invalid` for a name or value that no
 *   environment can hold.
 */
export function assertCommandEnv(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) {
    // On Windows names do not differ by letter case.
    if (REFUSED.test(Deno.build.os === "windows" ? name.toUpperCase() : name)) {
      throw new AppError("env_refused", `Cannot set the variable "${name}" for a command`, {
        remedy: "Leave it out: it acts before the sandbox does",
      });
    }
    if (name === "" || /[=\0]/.test(name) || value.includes("\0")) {
      throw new AppError(
        "env_invalid",
        `Expected a variable's name and value without "=" and NUL, got ${
          JSON.stringify(name.slice(0, 100))
        }`,
        { remedy: "Correct the name or the value" },
      );
    }
  }
}
