/** Flags: declared once a command, checked strictly, shown in its help. */
import { AppError, EXIT } from "../platform/mod.ts";
import { closestString, parseArgs } from "../platform/std/cli.ts";
import { print } from "./output.ts";

/** One flag of a command. */
export interface Flag {
  /** Long name without dashes. */
  readonly name: string;
  /** Name of the value in the help; none: the flag is a switch. */
  readonly value?: string;
  readonly help: string;
  readonly alias?: string;
}

/** What a command's help shows and its parser accepts. */
export interface Usage {
  readonly name: string;
  readonly summary: string;
  /** Shown first, one line each. */
  readonly examples: readonly string[];
  readonly flags: readonly Flag[];
  /** Names of positional arguments, for the help. @default "" */
  readonly positionals?: string;
  /** Most positional arguments. @default 0 */
  readonly maxPositionals?: number;
}

/** Flags as given: strings for those with a value, `true` for switches. */
export interface Parsed {
  readonly flags: Readonly<Record<string, string | true>>;
  readonly positionals: readonly string[];
}

const HELP: Flag = { name: "help", alias: "h", help: "Show this help" };

/**
 * Parses `args`; prints the help and returns null for `--help`.
 *
 * @throws {AppError} `usage` (exit 2) for an unknown flag, with the nearest known one, for a missing
 * or superfluous value and for too many positional arguments.
 */
export function parseFlags(
  usage: Usage,
  args: readonly string[],
): Parsed | null {
  const flags = [...usage.flags, HELP];
  const parsed = parseArgs(args, {
    string: flags.filter((f) => f.value).map((f) => f.name),
    boolean: flags.filter((f) => !f.value).map((f) => f.name),
    alias: Object.fromEntries(
      flags.filter((f) => f.alias).map((f) => [f.alias!, f.name]),
    ),
    unknown: (arg, key) => {
      if (key === undefined) return true;
      throw unknownFlag(usage, arg, flags);
    },
  });
  if (parsed["help"] === true) {
    printHelp(usage);
    return null;
  }
  const positionals = parsed._.map(String);
  if (positionals.length > (usage.maxPositionals ?? 0)) {
    throw usageError(
      usage,
      `Unexpected argument "${positionals[usage.maxPositionals ?? 0]}"`,
    );
  }
  const given: Record<string, string | true> = {};
  for (const flag of usage.flags) {
    const value = parsed[flag.name];
    if (flag.value && typeof value === "string") {
      if (value === "") {
        throw usageError(usage, `Flag "--${flag.name}" needs a value`);
      }
      given[flag.name] = value;
    } else if (!flag.value && value === true) given[flag.name] = true;
  }
  return { flags: given, positionals };
}

/** A usage error (exit 2) that names the command's help. */
export function usageError(
  usage: Pick<Usage, "name">,
  message: string,
): AppError {
  return new AppError("usage", message, {
    exitCode: EXIT.usage,
    remedy: `\`wegent-executor ${usage.name} --help\` shows what it takes`,
  });
}

function unknownFlag(
  usage: Usage,
  arg: string,
  flags: readonly Flag[],
): AppError {
  const name = arg.replace(/^-+/, "").split("=")[0] ?? "";
  const near = closestString(name, flags.map((f) => f.name));
  return new AppError("usage", `Unknown flag "${arg.split("=")[0]}"`, {
    exitCode: EXIT.usage,
    remedy: `Did you mean "--${near}"? \`wegent-executor ${usage.name} --help\` lists the flags`,
  });
}

/** Prints a command's help, examples first. */
export function printHelp(usage: Usage): void {
  for (const example of usage.examples) print(`  ${example}`);
  print();
  print(usage.summary);
  print();
  const tail = usage.positionals ? ` ${usage.positionals}` : "";
  print(
    `Usage: wegent-executor ${usage.name}${tail}${usage.flags.length ? " [flags]" : ""}`,
  );
  print();
  const rows = [...usage.flags, HELP].map((flag): [string, string] => [
    `${flag.alias ? `-${flag.alias}, ` : ""}--${flag.name}${flag.value ? ` ${flag.value}` : ""}`,
    flag.help,
  ]);
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  for (const [left, right] of rows) print(`  ${left.padEnd(width)}${right}`);
}
