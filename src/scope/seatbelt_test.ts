import { assert, assertEquals } from "../../tests/support/assert.ts";
import { fromFileUrl } from "../platform/std/path.ts";
import type { Box } from "./box.ts";
import { buildPolicy, type PolicyInput } from "./build_policy.ts";
import { buildCommandPolicy } from "./command_policy.ts";
import type { FileSeam } from "./paths.ts";
import { renderSeatbelt } from "./seatbelt.ts";

Deno.test("renderSeatbelt() puts the more specific path and the denial last", () => {
  const profile = renderSeatbelt({
    write: ['/Users/u/eh/ws/7 "x"', "/Users/u/Library/Caches"],
    read: ["/Users/u/eh/agents"],
    denyRead: ["/Users/u/eh"],
    denyWrite: ["/Users/u/.zshrc", "/Users/u/Library/Caches"],
  });
  assertEquals(
    profile,
    `(version 1)
(allow default)
(deny file-write*)
(allow file-write* file-ioctl (literal "/dev/null") (literal "/dev/zero") (literal "/dev/random") (literal "/dev/urandom") (literal "/dev/tty") (literal "/dev/ptmx") (literal "/dev/dtracehelper") (literal "/dev/stdin") (literal "/dev/stdout") (literal "/dev/stderr") (regex #"^/dev/(ttys|fd/)[0-9]+$"))
(deny file-write* (subpath "/Users/u/.zshrc"))
(deny file-write* (subpath "/Users/u/eh"))
(allow file-write* (subpath "/Users/u/Library/Caches"))
(deny file-write* (subpath "/Users/u/Library/Caches"))
(allow file-write* (subpath "/Users/u/eh/ws/7 \\"x\\""))
(deny file-read-data (subpath "/Users/u/eh"))
(allow file-read-data (subpath "/Users/u/eh/agents"))
(allow file-read-data (subpath "/Users/u/Library/Caches"))
(allow file-read-data (subpath "/Users/u/eh/ws/7 \\"x\\""))
(deny signal)
(allow signal (target same-sandbox))
(deny process-info*)
(allow process-info* (target same-sandbox))
`,
  );
});

/** A Mac: `/tmp` and `/var` lead to `/private`, and of the caches these exist. */
const MAC: FileSeam = {
  realPath(path) {
    if (/\/\.(?!cache$|npm$|wegent-executor|claude)[^/]+$|go\/pkg$/.test(path)) return null;
    return path.replace(/^\/(tmp|var)(?=\/|$)/, "/private/$1");
  },
  entries: () => null,
};
const HOME = "/Users/u";
const EH = `${HOME}/.wegent-executor`;
const INPUT: PolicyInput = {
  mode: "workdir",
  userHome: HOME,
  home: EH,
  workspaceRoot: `${EH}/workspace`,
  roots: [`${EH}/workspace`, `${HOME}/Projects`],
  workdir: `${HOME}/Projects/Some "quoted" \\ project`,
  hostDir: `${EH}/run/hosts/h1`,
  runsDir: `${EH}/state/runs`,
  sessionDir: `${EH}/state/sessions/7/k`,
  agentConfigDir: `${HOME}/Projects/Some "quoted" \\ project/.wegent/.claude`,
  hostWrite: ["/tmp/wegent-501-abcdef"],
  extraWrite: ["/Volumes/data/shared"],
  denyRead: [`${HOME}/private`],
  env: {
    PATH: `${HOME}/bin:/usr/bin:/bin:/opt/homebrew/bin`,
    DENO_DIR: `${HOME}/Library/Caches/deno`,
  },
};

/** Boxes as they are made for a session, a command, and with the preset `strict`. */
function realBoxes(): Record<string, Box | undefined> {
  const { agent, host } = buildPolicy(INPUT, MAC).boxes;
  const { command } = buildCommandPolicy({ ...INPUT, cwd: "/", tmpDir: `${EH}/state/tmp/c1` }, MAC)
    .boxes;
  const strict = buildPolicy({ ...INPUT, preset: "strict" }, MAC).boxes.agent;
  return { agent, host, command, strict };
}

for (const name of ["agent", "host", "command", "strict"]) {
  Deno.test(`renderSeatbelt() writes the profile of golden/${name}.sb`, () => {
    const box = realBoxes()[name];
    assert(box);
    // Where Deno itself lies differs from machine to machine.
    const deno = MAC.realPath(Deno.execPath());
    const denyWrite = box.denyWrite.filter((path) => path !== deno);
    const profile = renderSeatbelt({ ...box, denyWrite });
    const file = fromFileUrl(new URL(`golden/${name}.sb`, import.meta.url));
    if (Deno.env.get("UPDATE_GOLDEN")) Deno.writeTextFileSync(file, profile);
    assertEquals(profile, Deno.readTextFileSync(file));
  });
}

/** What a profile answers: of the rules for an operation that hold for a path, the last one. */
function decide(profile: string, operation: string, path: string): string {
  let verdict = /^\(allow default\)$/m.test(profile) ? "allow" : "deny";
  for (const line of profile.split("\n")) {
    const rule = /^\((allow|deny) (\S+?)(?: \(subpath (".*")\))?\)$/.exec(line);
    if (!rule || rule[2] !== operation) continue;
    const tree = rule[3] === undefined ? "" : JSON.parse(rule[3]);
    if (path === tree || path.startsWith(`${tree}/`)) verdict = rule[1]!;
  }
  return verdict;
}

Deno.test("renderSeatbelt() decides as the box does", () => {
  const { agent, command, strict } = realBoxes();
  assert(agent && command && strict);
  const cases: [Box, "write" | "read", string, string][] = [
    [agent, "write", `${INPUT.workdir}/src/f`, "allow"],
    [agent, "write", `${INPUT.workdir}-beside/f`, "deny"],
    [agent, "write", `${HOME}/Projects/other/f`, "deny"],
    [agent, "write", `${EH}/state/sessions/7/k/tmp/f`, "allow"],
    [agent, "write", `${EH}/state/runs/r/journal.ndjson`, "deny"],
    [agent, "write", `${HOME}/Library/Caches/go-build/f`, "allow"],
    [agent, "write", `${HOME}/Library/Caches/deno/f`, "deny"],
    [agent, "write", "/etc/hosts", "deny"],
    [agent, "read", "/etc/hosts", "allow"],
    [agent, "read", `${HOME}/.ssh/id`, "allow"],
    [strict, "read", `${HOME}/.ssh/id`, "deny"],
    [agent, "read", `${HOME}/private/f`, "deny"],
    [agent, "read", `${EH}/device-config.json`, "deny"],
    [agent, "read", `${EH}/agents/claude/claude`, "allow"],
    [agent, "read", `${EH}/workspace/8/f`, "allow"],
    [agent, "write", `${EH}/workspace/8/f`, "deny"],
    [command, "write", `${EH}/workspace/8/f`, "allow"],
    [command, "write", `${HOME}/Projects/other/f`, "allow"],
    [command, "write", `${HOME}/bin/f`, "deny"],
    [command, "write", `${EH}/device-config.json`, "deny"],
  ];
  for (const [box, access, path, wanted] of cases) {
    const operation = access === "write" ? "file-write*" : "file-read-data";
    assertEquals(decide(renderSeatbelt(box), operation, path), wanted, `${access} ${path}`);
  }
});
