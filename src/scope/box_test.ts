import { assert, assertEquals } from "../../tests/support/assert.ts";
import { type Access, type Box, type BoxRule, planBox, withoutCovered } from "./box.ts";
import type { FileSeam } from "./paths.ts";

/** A disk from a list of paths: "/a/" is a directory, "/a" a file, "/a@" a link. */
function disk(...paths: string[]): FileSeam {
  return {
    realPath: (path) => path,
    entries(directory) {
      const prefix = directory === "/" ? "/" : `${directory}/`;
      const below = paths.filter((path) => path.startsWith(prefix) && path !== prefix)
        .map((path) => path.slice(prefix.length));
      const direct = below.filter((rest) => !rest.replace(/\/$/, "").includes("/"));
      return direct.map((rest) => ({
        name: rest.replace(/[/@]$/, ""),
        link: rest.endsWith("@"),
        directory: rest.endsWith("/"),
      }));
    },
  };
}

const EMPTY: Box = { write: [], read: [], denyRead: [], denyWrite: [] };

function paths(rules: readonly BoxRule[], access: Access): string[] {
  return rules.filter((rule) => rule.access === access && !rule.system).map(({ path }) => path);
}

Deno.test("planBox() grants reading of the whole disk, but of no device it does not name", () => {
  const seam = disk("/dev/", "/dev/sda", "/etc/", "/vmlinuz");
  const rules = planBox({ ...EMPTY, write: ["/w"] }, seam);
  assertEquals([paths(rules, "read"), paths(rules, "list"), paths(rules, "write")], [
    ["/etc", "/vmlinuz"],
    ["/"],
    ["/w"],
  ]);
  assert(rules.some(({ path, access }) => path === "/dev/null" && access === "device"));
});

Deno.test("planBox() grants everything around a denied path, but no link", () => {
  const seam = disk("/etc/", "/home/", "/home/u/", "/home/u/eh/", "/home/u/f", "/home/u/to_eh@");
  const rules = planBox({ ...EMPTY, denyRead: ["/home/u/eh"] }, seam);
  assertEquals(paths(rules, "read"), ["/etc", "/home/u/f"]);
  assertEquals(paths(rules, "list"), ["/"]);
  assert(rules.find(({ path }) => path === "/home/u/f")?.file);
});

Deno.test("planBox() lets the more specific entry win", () => {
  const box: Box = {
    write: ["/home/eh/ws/7"],
    read: ["/home/eh/agents"],
    denyRead: ["/home/eh", "/home/eh/agents/secret"],
    denyWrite: ["/home", "/home/eh/ws/7/bin"],
  };
  const seam = disk(
    "/home/",
    "/home/eh/",
    "/home/eh/agents/",
    "/home/eh/agents/claude",
    "/home/eh/agents/secret",
    "/home/eh/ws/7/bin/",
    "/home/eh/ws/7/src/",
  );
  const rules = planBox(box, seam);
  assertEquals(paths(rules, "read"), ["/home/eh/agents/claude"]);
  assertEquals(paths(rules, "write"), ["/home/eh/ws/7/src"]);
});

Deno.test("planBox() keeps a path out of a writable tree even before it exists", () => {
  const box = { ...EMPTY, write: ["/home"], denyWrite: ["/home/.bashrc"] };
  const rules = planBox(box, disk("/home/", "/home/p/", "/home/f"));
  // The directory itself is not granted, so the file cannot be made in it.
  assertEquals(paths(rules, "write"), ["/home/p", "/home/f"]);
});

Deno.test("planBox() grants nothing when a denied path is the root itself", () => {
  const rules = planBox({ ...EMPTY, write: ["/w"], denyWrite: ["/w"] }, disk("/w/", "/w/a"));
  assertEquals(paths(rules, "write"), []);
});

Deno.test("planBox() opens no path inside a writable tree: it may have become a link", () => {
  const rules = planBox({ ...EMPTY, write: ["/w/cfg", "/w"] }, disk());
  assertEquals(paths(rules, "write"), ["/w"]);
});

Deno.test("withoutCovered() drops what another root grants, unless a denial lies between", () => {
  assertEquals(withoutCovered(["/w/cfg", "/w", "/w", "/x"], []), ["/w", "/x"]);
  assertEquals(withoutCovered(["/w/eh/ws", "/w"], ["/w/eh"]), ["/w/eh/ws", "/w"]);
});
