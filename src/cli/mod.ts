/**
 * The command line: chooses the command, loads only its module, prints errors and sets the exit code.
 * Nothing else in the program prints or exits.
 */
import { AppError, EXIT, toAppError } from "../platform/mod.ts";
import { closestString } from "../platform/std/cli.ts";
import { printError } from "./output.ts";

/** A command: gets the arguments after its name; null means that the process goes on (hidden ones). */
export type Command = (args: string[]) => Promise<number | null>;

/** Commands by name, each in a module of its own that is loaded only when it is called. */
const COMMANDS: Record<string, () => Promise<{ default: Command }>> = {
  start: () => import("./start.ts"),
  hub: () => import("./hub.ts"),
  up: () => import("./up.ts"),
  try: () => import("./try.ts"),
  status: () => import("./status.ts"),
  stop: () => import("./stop.ts"),
  restart: () => import("./restart.ts"),
  roots: () => import("./roots.ts"),
  permissions: () => import("./permissions.ts"),
  agents: () => import("./agents.ts"),
  config: () => import("./config.ts"),
  version: () => import("./version.ts"),
  help: () => import("./help.ts"),
};

/** Subcommands the program uses to start itself; they have no help. */
const HIDDEN: Record<string, () => Promise<{ default: Command }>> = {
  __host: () => import("./_host.ts"),
  selfcheck: () => import("./selfcheck.ts"),
};

/**
 * Runs the program.
 *
 * @returns The exit status, or null when the process shall not be ended here.
 */
export async function main(argv: readonly string[]): Promise<number | null> {
  try {
    const [name, args] = commandOf(argv);
    const command = COMMANDS[name] ?? HIDDEN[name];
    if (!command) throw unknownCommand(name);
    return await (await command()).default(args);
  } catch (error) {
    const failure = toAppError(error);
    printError(failure);
    return failure.exitCode;
  }
}

/** `start` is the default: a device is started by the bare name, with or without flags. */
function commandOf(argv: readonly string[]): [string, string[]] {
  const [first, ...rest] = argv;
  if (first === "-h" || first === "--help") return ["help", rest];
  if (first === undefined || first.startsWith("-")) return ["start", [...argv]];
  return [first, rest];
}

function unknownCommand(name: string): AppError {
  const near = closestString(name, Object.keys(COMMANDS));
  return new AppError("usage", `Unknown command "${name}"`, {
    exitCode: EXIT.usage,
    remedy: `Did you mean "${near}"? \`wegent-executor --help\` lists the commands`,
  });
}
