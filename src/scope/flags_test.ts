import { assert, assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { AppError } from "../platform/errors.ts";
import { deriveProgramScope, type ProgramPlaces, renderDenoFlags, shellLine } from "./flags.ts";
import type { FileSeam } from "./paths.ts";

/** A disk where only `/data` is behind a link. */
const DISK: FileSeam = {
  realPath: (path) => path === "/home/u/Projects" ? "/data" : path,
  entries: () => null,
};
const PLACES: ProgramPlaces = {
  userHome: "/home/u",
  home: "/home/u/.wegent-executor",
  workspaceRoot: "/home/u/.wegent-executor/workspace",
  roots: ["/home/u/.wegent-executor/workspace", "/home/u/Projects/", "/srv/not, yet there"],
};

Deno.test("deriveProgramScope() names every root as it is called and where it leads", () => {
  const { read, write } = deriveProgramScope(
    { ...PLACES, path: "/opt/bin:relative::/usr/bin" },
    DISK,
  );
  assertEquals(write, [
    "/data",
    "/home/u/.claude",
    "/home/u/.wegent-executor",
    "/home/u/Projects",
    "/srv/not, yet there",
  ]);
  assertEquals(read.filter((path) => !write.includes(path)), [
    "/dev/null",
    "/etc",
    "/opt/bin",
    "/usr",
  ]);
});

Deno.test("deriveProgramScope() adds a configuration and directories that lie elsewhere", () => {
  const more = { configFile: "/etc/we.json", extraWrite: ["/scratch"] };
  const { write } = deriveProgramScope({ ...PLACES, ...more }, DISK);
  assert(write.includes("/etc/we.json") && write.includes("/scratch"));
});

Deno.test("renderDenoFlags() limits files, and says openly that nothing else is", () => {
  const [read, write, ...rest] = renderDenoFlags({ read: ["/a b", "/c"], write: ["/c"] });
  assertEquals([read, write], ["--allow-read=/a b,/c", "--allow-write=/c"]);
  assertEquals(rest.filter((flag) => flag.startsWith("--allow-")), [
    "--allow-net",
    "--allow-env",
    "--allow-run",
    "--allow-sys",
    "--allow-ffi",
  ]);
});

Deno.test("renderDenoFlags() writes a comma twice where Deno understands that, else refuses it", () => {
  const scope = { read: ["/a,b", "/c"], write: ["/c"] };
  assertEquals(renderDenoFlags(scope, "2.6.8")[0], "--allow-read=/a,,b,/c");
  for (const version of ["2.9.6", "3.0.0"]) {
    assertThrows(() => renderDenoFlags(scope, version), AppError, "/a,b");
  }
});

Deno.test("shellLine() is one line that a shell takes apart into the same words", async () => {
  const words = [
    "--allow-read=/plain,/x",
    "--allow-write=/with blank,/it's,/$(touch x),/a,,b",
    "",
    "*",
  ];
  const line = shellLine(words);
  assert(line.startsWith("--allow-read=/plain,/x '"), line);
  assertEquals(line.includes("\n"), false);
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", `printf '%s\\n' ${line}`],
  }).output();
  assertEquals(new TextDecoder().decode(stdout).split("\n").slice(0, -1), words);
});
