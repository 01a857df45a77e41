/** What a hole in the part that talks to the network would try first; the start that follows is real. */
import { join } from "../../src/platform/std/path.ts";
import type { Arena } from "./arena.ts";
import type { Attack } from "./attack.ts";

function workerStops(
  name: string,
  how: string,
  never: string,
  worker: (arena: Arena) => string,
  more: Partial<Attack> = {},
): Attack {
  return {
    name,
    how,
    never,
    stops: "worker",
    opens: ["worker"],
    worker,
    script: () => "true",
    ...more,
  };
}

const text = JSON.stringify;

export const WORKER_CASES: readonly Attack[] = [
  workerStops(
    "policy rewritten",
    "The policy of the next start replaced by one without a fence",
    "The agent writes outside",
    (a) => {
      const box = { write: ["/"], read: [], denyRead: [], denyWrite: [] };
      const policy = {
        version: 1,
        mode: "off",
        workdir: a.workdir,
        roots: ["/"],
        boxes: { agent: box },
      };
      return `Deno.writeTextFileSync(${text(join(a.world.hostDir, "policy.json"))}, ${
        text(text(policy))
      })`;
    },
    {
      script: (a) => `echo x > ${a.out}/new`,
      through: (a) =>
        Deno.readTextFileSync(join(a.world.hostDir, "policy.json")).includes('"write":["/"]'),
    },
  ),
  workerStops(
    "token read",
    "The configuration read and left in the workdir",
    "The agent knows the token",
    (a) =>
      `Deno.writeTextFileSync(${text(join(a.workdir, "t"))},
      Deno.readTextFileSync(${text(join(a.eh, "device-config.json"))}))`,
    { script: () => "cat t" },
  ),
  workerStops(
    "environment read",
    "The daemon's environment left in the workdir",
    "The agent knows the token",
    (a) =>
      `Deno.writeTextFileSync(${text(join(a.workdir, "t"))}, Deno.env.get("WEGENT_AUTH_TOKEN"))`,
    {
      script: () => "cat t",
    },
  ),
  workerStops(
    "configuration written",
    "The configuration replaced",
    "The next session has wider roots",
    (a) => `Deno.writeTextFileSync(${text(join(a.eh, "device-config.json"))}, "{}")`,
  ),
  workerStops(
    "program replaced",
    "A program on PATH replaced",
    "It runs unsandboxed later",
    (a) => `Deno.writeTextFileSync(${text(join(a.home, "tools/git"))}, "evil")`,
  ),
  workerStops(
    "start file",
    "A line added to `~/.bashrc`",
    "It runs unsandboxed later",
    (a) => `Deno.writeTextFileSync(${text(join(a.home, ".bashrc"))}, "evil", { append: true })`,
  ),
  workerStops(
    "process",
    "A process started",
    "It has no fence at all",
    (a) => `new Deno.Command("sh", { args: ["-c", "echo x > ${a.out}/new"] }).outputSync()`,
  ),
  workerStops(
    "native code",
    "The C library opened",
    "It has no fence at all",
    (a) =>
      `const c = Deno.dlopen("libc.so.6", { system: { parameters: ["buffer"], result: "i32" } });
     c.symbols.system(new TextEncoder().encode("echo x > ${a.out}/new\\0"))`,
  ),
  workerStops(
    "database outside",
    "A SQLite file made outside",
    "A file outside is made",
    (a) =>
      `const { DatabaseSync } = await import("node:sqlite");
     new DatabaseSync(${text(join(a.out, "new"))}).exec("CREATE TABLE t (x)")`,
  ),
  workerStops(
    "other port",
    "A connection to something else than the server",
    "It does what it is told",
    (a) =>
      `const c = await Deno.connect({ hostname: "127.0.0.1", port: ${a.victim!.port} });
     await c.write(new TextEncoder().encode("poke")); c.close(); await new Promise((r) => setTimeout(r, 200))`,
    {
      victim: true,
    },
  ),
  workerStops(
    "link made",
    "A link to outside made in a root",
    "Others follow it",
    (a) => `Deno.symlinkSync(${text(a.out)}, ${text(join(a.projects, "way"))})`,
  ),
  {
    ...workerStops(
      "through an agent's link",
      "A link that an agent left in a root, written through",
      "—: Deno looks at the link's own path",
      (a) => `Deno.writeTextFileSync(${text(join(a.projects, "way/new"))}, "x")`,
      {
        setup: (a) => a.link(a.out, join(a.projects, "way")),
      },
    ),
    stops: "nothing",
    opens: [],
  },
];
