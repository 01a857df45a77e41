/**
 * What the live worker can do: each attempt is one that a hole in the worker would try first.
 * Run on request inside the worker, with its own rights, and reported row by row.
 */
import { errorText } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import type { SelfcheckRow } from "./messages.ts";

export interface SelfcheckTargets {
  /** The configuration with the token. */
  readonly config: string;
  /** The owner's home directory. */
  readonly home: string;
  /** The worker's own state directory, where it may write. */
  readonly state: string;
  /** A loopback port that is not the server's. */
  readonly otherPort: number;
}

/** Makes every attempt and reports what came of it. */
export async function selfcheck(
  targets: SelfcheckTargets,
): Promise<SelfcheckRow[]> {
  const attempts: [string, () => unknown][] = [
    ["read config", () => Deno.readTextFileSync(targets.config)],
    [
      "write config",
      () => Deno.openSync(targets.config, { write: true }).close(),
    ],
    ["read home", () => [...Deno.readDirSync(targets.home)].length],
    ["read /etc/passwd", () => Deno.readTextFileSync("/etc/passwd")],
    ["read environment", () => Deno.env.toObject()],
    ["spawn", () => new Deno.Command("true").outputSync()],
    ["dlopen", () => Deno.dlopen("libc.so.6", {}).close()],
    [
      "other port",
      async () => (await Deno.connect({ port: targets.otherPort })).close(),
    ],
    ["attach SQLite outside", () => attachOutside(targets)],
    ["write own state", () => writeOwnState(targets.state)],
  ];
  const rows: SelfcheckRow[] = [];
  for (const [attempt, run] of attempts) rows.push(await outcome(attempt, run));
  return rows;
}

async function outcome(
  attempt: string,
  run: () => unknown,
): Promise<SelfcheckRow> {
  try {
    await run();
    return { attempt, outcome: "allowed", detail: "" };
  } catch (error) {
    const name = error instanceof Error ? error.name : "unknown";
    // SQLite says it in its own words: with limited permissions no database may be attached at all.
    const refused = name === "NotCapable" ||
      /NotCapable|Requires \w+ access|too many attached databases - max 0/.test(errorText(error));
    return {
      attempt,
      outcome: refused ? "NotCapable" : name,
      detail: errorText(error).slice(0, 300),
    };
  }
}

async function attachOutside(targets: SelfcheckTargets): Promise<void> {
  const { DatabaseSync } = await import("node:sqlite");
  const path = join(targets.state, "selfcheck.sqlite");
  const db = new DatabaseSync(path);
  try {
    db.exec(
      `ATTACH DATABASE '${
        join(targets.home, "selfcheck-outside.sqlite").replaceAll("'", "''")
      }' AS x`,
    );
    db.exec("CREATE TABLE x.t (a)");
  } finally {
    db.close();
    Deno.removeSync(path);
  }
}

function writeOwnState(state: string): void {
  const path = join(state, "selfcheck.tmp");
  Deno.writeTextFileSync(path, "ok");
  Deno.removeSync(path);
}
