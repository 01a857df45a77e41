/**
 * The attacks as tables for `docs/sandbox.md`. Run with `--allow-read --allow-write` it brings the page up
 * to date; a test checks that it is.
 */
import { fromFileUrl } from "../../src/platform/std/path.ts";
import type { Attack } from "./attack.ts";
import { GROUPS } from "./cases.ts";

/** The page. */
export const PAGE = fromFileUrl(new URL("../../docs/sandbox.md", import.meta.url));

const BEGIN = "<!-- deno-fmt-ignore-start -->";
const END = "<!-- deno-fmt-ignore-end -->";

/** The page's text with the tables of the attacks as they are now. @throws {Error} Without its marks. */
export function withTables(page: string): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`Expected "${BEGIN}" and "${END}" in ${PAGE}`);
  return `${page.slice(0, from)}${BEGIN}\n\n${tables()}\n\n${page.slice(to)}`;
}

function tables(): string {
  return GROUPS.map(({ title, attacks }) => `### ${title}\n\n${table(attacks)}`).join("\n\n");
}

function table(attacks: readonly Attack[]): string {
  const head = ["attack", "how", "must not happen", "stopped by", "gets through without"];
  const rows = attacks.map((attack) => [
    nameOf(attack) + (attack.only ? ` (${attack.only} only)` : ""),
    attack.how,
    attack.never,
    attack.stops === "nothing" ? "**nothing**" : attack.stops,
    without(attack),
  ]);
  return [head, head.map(() => "---"), ...rows].map((cells) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`
  ).join("\n");
}

/** Names that are paths or Git's own are set as code. */
function nameOf({ name }: Attack): string {
  return /^[~/.]|[<:]|\w\.\w/.test(name) ? `\`${name}\`` : name;
}

function without({ stops, opens, opensOrdinary }: Attack): string {
  if (stops === "nothing") return "";
  const all = opens.join(", ") || "—";
  if (opensOrdinary === undefined) return all;
  return `${all} (as root; else ${opensOrdinary.join(", ") || "—"})`;
}

if (import.meta.main) {
  Deno.writeTextFileSync(PAGE, withTables(Deno.readTextFileSync(PAGE)));
}
