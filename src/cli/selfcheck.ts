/** Hidden `selfcheck`: asks the live device worker what it could do, row by row. */
import * as z from "zod";
import { EXIT } from "../platform/mod.ts";
import { askDaemon } from "../supervisor/mod.ts";
import { parseFlags } from "./arguments.ts";
import { runDir } from "./environment.ts";
import { print, printJson } from "./output.ts";

const rowsReply = z.array(z.looseObject({
  attempt: z.string(),
  outcome: z.string(),
  detail: z.string(),
}));

export default async function selfcheck(args: string[]): Promise<number> {
  const parsed = parseFlags({
    name: "selfcheck",
    examples: ["wegent-executor selfcheck --json"],
    summary: "Lets the live device worker try what it must not be able to do.",
    flags: [{ name: "json", help: "Print the rows as JSON" }],
  }, args);
  if (!parsed) return EXIT.ok;
  const rows = rowsReply.parse(await askDaemon(runDir(), "selfcheck"));
  if (parsed.flags["json"]) printJson(rows);
  else {for (const row of rows) {
      print(`${row.attempt.padEnd(24)} ${row.outcome}`);
    }}
  const allowed = rows.filter((r) => r.outcome === "allowed" && r.attempt !== "write own state");
  return allowed.length === 0 ? EXIT.ok : EXIT.failure;
}
