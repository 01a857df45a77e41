/** `@std/cli` and `@std/text`, typed: the npm mirror of the standard library carries no declarations. */
import * as parse from "@std/cli/parse-args";
import * as text from "@std/text/closest-string";

/** Options of {@link parseArgs} that this program uses. */
export interface ParseOptions {
  boolean?: readonly string[];
  string?: readonly string[];
  collect?: readonly string[];
  alias?: Readonly<Record<string, string | readonly string[]>>;
  /** Called for each unknown flag (`key` set) or positional (`key` undefined); `false` drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
  stopEarly?: boolean;
  "--"?: boolean;
}

/** Result of {@link parseArgs}: `_` holds the positionals. */
export type ParsedArgs = Record<string, unknown> & { _: (string | number)[] };

export const { parseArgs } = parse as unknown as {
  parseArgs(args: readonly string[], options?: ParseOptions): ParsedArgs;
};
export const { closestString } = text as unknown as {
  /** The candidate nearest to `word` by edit distance. @throws {Error} If `candidates` is empty. */
  closestString(word: string, candidates: readonly string[]): string;
};
