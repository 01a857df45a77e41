/**
 * The policy file: what the supervisor decided about one session, handed to the launcher on disk.
 *
 * It is parsed by hand, not by zod, because the launcher starts once for every process of an agent and
 * zod's import alone takes as long as the launcher (20 ms in the compiled binary).
 */
import { AppError, errorText } from "../platform/errors.ts";
import type { Box } from "./box.ts";
import { assertPlain } from "./paths.ts";

/**
 * `workdir`: sandboxed where the system can, else it runs all the same and says so; `required`: refuses
 * to run without a sandbox; `off`: never sandboxed.
 */
export type SandboxMode = "workdir" | "required" | "off";

/** Every {@link SandboxMode}. */
export const SANDBOX_MODES: readonly SandboxMode[] = ["workdir", "required", "off"];

/**
 * Who is started: the session's own host, the agent and its children, or one of the other kinds of
 * request, which each have a box of their own when they are used.
 */
export type LaunchKind = "host" | "agent" | "terminal" | "command" | "prepare";

/** Every {@link LaunchKind}. */
export const LAUNCH_KINDS: readonly LaunchKind[] = [
  "host",
  "agent",
  "terminal",
  "command",
  "prepare",
];

/** Rights of one session. All paths are absolute; those of the boxes and the roots are without links. */
export interface Policy {
  readonly version: 1;
  readonly mode: SandboxMode;
  /** Where every process of the session starts. */
  readonly workdir: string;
  /** The workdir must lie in one of these when it is used. */
  readonly roots: readonly string[];
  /** A kind without a box cannot be launched. */
  readonly boxes: Readonly<Partial<Record<LaunchKind, Box>>>;
}

/** Longest policy file that is read, in UTF-16 units. */
const MAX_POLICY = 1 << 20;

/**
 * Parses the text of a policy file.
 *
 * @throws {AppError} `policy_invalid` naming the field.
 */
export function parsePolicy(text: string): Policy {
  if (text.length > MAX_POLICY) {
    throw invalid("the file", `at most ${MAX_POLICY} characters`, text.length);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError("policy_invalid", `The policy is not JSON: ${errorText(error)}`, {
      cause: error,
    });
  }
  const fields = record(value, "policy", ["version", "mode", "workdir", "roots", "boxes"]);
  if (fields.version !== 1) throw invalid("version", "1", fields.version);
  const boxes: Partial<Record<LaunchKind, Box>> = {};
  for (const [kind, box] of Object.entries(record(fields.boxes, "boxes", LAUNCH_KINDS))) {
    boxes[oneOf(kind, LAUNCH_KINDS, "boxes")] = parseBox(box, `boxes.${kind}`);
  }
  return {
    version: 1,
    mode: oneOf(fields.mode, SANDBOX_MODES, "mode"),
    workdir: pathOf(fields.workdir, "workdir"),
    roots: paths(fields.roots, "roots"),
    boxes,
  };
}

function parseBox(value: unknown, where: string): Box {
  const fields = record(value, where, ["write", "read", "denyRead", "denyWrite", "tmpDir"]);
  return {
    write: paths(fields.write, `${where}.write`),
    read: paths(fields.read, `${where}.read`),
    denyRead: paths(fields.denyRead, `${where}.denyRead`),
    denyWrite: paths(fields.denyWrite, `${where}.denyWrite`),
    ...(fields.tmpDir !== undefined && { tmpDir: pathOf(fields.tmpDir, `${where}.tmpDir`) }),
  };
}

function record(value: unknown, where: string, known: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(where, "an object", value);
  }
  const strange = Object.keys(value).find((key) => !known.includes(key));
  // An unknown field may be a denial this version does not understand.
  if (strange !== undefined) throw invalid(where, `only ${known.join(", ")}`, strange);
  return Object.assign(Object.create(null), value);
}

function paths(value: unknown, where: string): string[] {
  if (!Array.isArray(value)) throw invalid(where, "a list", value);
  return value.map((item, i) => pathOf(item, `${where}[${i}]`));
}

function pathOf(value: unknown, where: string): string {
  if (typeof value !== "string") throw invalid(where, "a path", value);
  assertPlain(value);
  return value;
}

/** The member of `known` that `value` is. @throws {AppError} `policy_invalid`. */
export function oneOf<T extends string>(value: unknown, known: readonly T[], where: string): T {
  const found = known.find((item) => item === value);
  if (found === undefined) throw invalid(where, known.join(" or "), value);
  return found;
}

function invalid(where: string, wanted: string, got: unknown): AppError {
  return new AppError(
    "policy_invalid",
    `Expected ${where} to be ${wanted}, got ${JSON.stringify(got)?.slice(0, 200)}`,
    {
      remedy: "Start the session again; its policy is written anew",
    },
  );
}

/** The error for a workdir that is in none of the roots. */
export function outsideRoots(workdir: string, roots: readonly string[]): AppError {
  return new AppError(
    "workdir_outside_roots",
    `Cannot work in "${workdir}": it is in none of the allowed roots (${
      roots.join(", ") || "none"
    })`,
    { remedy: "Add the directory with `wegent-executor roots add PATH`" },
  );
}
