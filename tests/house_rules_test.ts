/** House rules as code: import directions, front doors, no cycles between folders, pinned versions. */
import { fromFileUrl, join, relative } from "../src/platform/std/path.ts";
import { assertEquals } from "./support/assert.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));
const SRC = join(ROOT, "src");

/** Folders from the top down; a folder imports only from lines below its own (or its own line's own folder). */
const LAYERS: readonly (readonly string[])[] = [
  ["cli"],
  ["supervisor", "hub"],
  ["device"],
  ["hosts", "runtimes", "capabilities", "commands", "terminal", "ide"],
  ["workdir"],
  ["scope"],
  ["config", "protocol", "platform"],
];

/** Folders of one line that may look at each other: a host runs a runtime; parsing throws errors. */
const SIDEWAYS = new Set([
  "hosts>runtimes",
  "protocol>platform",
  "config>platform",
]);

/** Shelves of modules that belong to no front door: the typed standard library, the C library, errors. */
const OPEN = /^platform\/(std\/|libc\.ts$|errors\.ts$)/;

/** Hidden subcommands load one module without the rest of its folder, so that they start fast. */
const BACK_DOORS = new Set([
  "cli/_host.ts>hosts/session_host.ts",
  "cli/_launch.ts>scope/launcher.ts",
]);

interface Import {
  from: string;
  to: string;
}

function* sourceFiles(dir: string): Iterable<string> {
  for (const entry of Deno.readDirSync(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) yield* sourceFiles(path);
    else if (/\.tsx?$/.test(entry.name) && !/_test\.tsx?$/.test(entry.name)) {
      yield path;
    }
  }
}

function importsOf(path: string): Import[] {
  const text = Deno.readTextFileSync(path);
  const found = text.matchAll(
    /(?:from\s+|import\s*\(\s*|import\s+)"(\.{1,2}\/[^"]+)"/g,
  );
  return Array.from(found, ([, target]) => ({
    from: relative(SRC, path),
    to: relative(SRC, join(path, "..", target!)),
  }));
}

function allImports(): Import[] {
  return [...sourceFiles(SRC)].flatMap(importsOf);
}

function folder(path: string): string {
  return path.split("/")[0] ?? "";
}

function layer(name: string): number {
  return LAYERS.findIndex((names) => names.includes(name));
}

Deno.test("imports point down the layers only", () => {
  const wrong = allImports().filter(({ from, to }) => {
    const [a, b] = [folder(from), folder(to)];
    if (a === b) return false;
    if (to.startsWith("..")) return true;
    return layer(a) < 0 || layer(b) < 0 ||
      (layer(a) >= layer(b) && !SIDEWAYS.has(`${a}>${b}`));
  });
  assertEquals(wrong, []);
});

Deno.test("other folders import nothing but a folder's front door", () => {
  const wrong = allImports().filter(({ from, to }) =>
    folder(from) !== folder(to) && !to.endsWith("/mod.ts") && !OPEN.test(to) &&
    !BACK_DOORS.has(`${from}>${to}`)
  );
  assertEquals(wrong, []);
});

Deno.test("device and hub never import each other", () => {
  const wrong = allImports().filter(({ from, to }) =>
    [folder(from), folder(to)].sort().join() === "device,hub"
  );
  assertEquals(wrong, []);
});

Deno.test("the import map pins exact versions", () => {
  const config = JSON.parse(Deno.readTextFileSync(join(ROOT, "import_map.json")));
  const loose = Object.values(config.imports as Record<string, string>)
    .filter((specifier) => !/^npm:\/?(@[^/]+\/)?[^@/]+@\d+\.\d+\.\d+(\/|$)/.test(specifier));
  assertEquals(loose, []);
});

Deno.test("no file is longer than 500 lines", () => {
  const long = [...sourceFiles(SRC)].map((path) => ({
    path: relative(SRC, path),
    lines: Deno.readTextFileSync(path).split("\n").length,
  })).filter(({ lines, path }) => lines > 500 && !path.includes("/dist/"));
  assertEquals(long, []);
});
