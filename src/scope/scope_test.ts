import { assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { join } from "../platform/std/path.ts";
import type { FileSeam } from "./paths.ts";
import { deriveScope, renderWorkerPermissions, type ScopeInput } from "./scope.ts";

/** A disk on which only these paths exist; a value is where a link leads. */
function disk(real: Record<string, string>): FileSeam {
  return { realPath: (path) => real[path] ?? null, entries: () => null };
}

const EH = "/home/u/.wegent-executor";
const INPUT: ScopeInput = {
  workspaceRoot: `${EH}/workspace`,
  allowedRoots: [`${EH}/workspace`],
  stateDir: `${EH}/state`,
  backendUrl: "https://wegent.example",
  proxyUrl: null,
};
const DISK: Record<string, string> = {
  [EH]: EH,
  [`${EH}/workspace`]: `${EH}/workspace`,
  [`${EH}/state`]: `${EH}/state`,
  [`${EH}/run`]: `${EH}/run`,
  "/home/u": "/home/u",
  "/mnt/Projects": "/data/Projects",
  "/mnt/secret": EH,
};

Deno.test("deriveScope() holds state, workspace and the server, and no process", () => {
  const scope = deriveScope(INPUT, disk(DISK));
  const trees = [`${EH}/state`, `${EH}/workspace`];
  assertEquals(scope, {
    read: trees,
    write: trees,
    run: false,
    net: ["wegent.example:443"],
    leftOut: [],
  });
});

Deno.test("deriveScope() resolves roots and leaves out what would open our home", () => {
  const allowedRoots = ["/mnt/Projects", "/home/u", "/mnt/secret", `${EH}/run`, "/missing"];
  const scope = deriveScope({ ...INPUT, allowedRoots }, disk(DISK));
  assertEquals(scope.read, ["/data/Projects", `${EH}/state`, `${EH}/workspace`]);
  assertEquals(scope.leftOut.map(({ path }) => path), [
    "/home/u",
    "/mnt/secret",
    `${EH}/run`,
    "/missing",
  ]);
});

Deno.test("deriveScope() names host and port of server and proxy", () => {
  const net = (backendUrl: string, proxyUrl: string | null = null) =>
    deriveScope({ ...INPUT, backendUrl, proxyUrl }, disk(DISK)).net;
  assertEquals(net("http://127.0.0.1:8787/base"), ["127.0.0.1:8787"]);
  assertEquals(net("ws://h"), ["h:80"]);
  assertEquals(net("http://[::1]:9"), ["[::1]:9"]);
  assertEquals(net("https://h", "http://user:pw@p:3128"), ["h:443", "p:3128"]);
  assertEquals(net(""), []);
  assertThrows(() => net("nonsense"), TypeError);
  assertThrows(() => net("file:///x"), TypeError);
});

Deno.test("deriveScope() leaves out a root behind a link inside another root", () => {
  const made = { ...DISK, "/home/u/Projects": "/home/u/Projects", "/home/u/Projects/x": "/srv" };
  const allowedRoots = ["/home/u/Projects", "/home/u/Projects/x"];
  const scope = deriveScope({ ...INPUT, allowedRoots }, disk(made));
  assertEquals(scope.write.includes("/srv"), false);
  assertEquals(scope.leftOut.map(({ path }) => path), ["/home/u/Projects/x"]);
});

/** Attempts of a worker, by name, as source. */
const ATTEMPTS = {
  "write state": (home: string) => `Deno.writeTextFileSync("${home}/state/f", "x")`,
  "write workspace": (home: string) => `Deno.writeTextFileSync("${home}/workspace/f", "x")`,
  "read config": (home: string) => `Deno.readTextFileSync("${home}/device-config.json")`,
  "list home": (home: string) => `[...Deno.readDirSync("${home}")]`,
  "read passwd": () => `Deno.readTextFileSync("/etc/passwd")`,
  "spawn": () => `new Deno.Command("true").outputSync()`,
  "dlopen": () => `Deno.dlopen("libc.so.6", {})`,
  "environment": () => `Deno.env.toObject()`,
  "home variable": () => `Deno.env.get("HOME")`,
  "hostname": () => `Deno.hostname()`,
  "other port": () => `await Deno.connect({ hostname: "127.0.0.1", port: 9 })`,
  "remote import": () => `await import("https://127.0.0.1:" + 9 + "/x.ts")`,
} as const;

Deno.test("renderWorkerPermissions() lets a live worker do its work and nothing else", async () => {
  const home = Deno.realPathSync(Deno.makeTempDirSync());
  for (const dir of ["state", "workspace"]) Deno.mkdirSync(join(home, dir));
  Deno.writeTextFileSync(join(home, "device-config.json"), "token");
  const lines = Object.entries(ATTEMPTS).map(([name, source]) =>
    `try { ${
      source(home)
    }; rows["${name}"] = "allowed"; } catch (e) { rows["${name}"] = e.name + e.message; }`
  );
  const source = `const rows = {}; ${lines.join("\n")} self.postMessage(rows);`;
  const scope = deriveScope({
    workspaceRoot: join(home, "workspace"),
    allowedRoots: [],
    stateDir: join(home, "state"),
    backendUrl: "http://127.0.0.1:8787",
  });
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, {
    type: "module",
    deno: { permissions: renderWorkerPermissions(scope) },
  } as WorkerOptions);
  try {
    const rows = await new Promise<Record<string, string>>((resolve, reject) => {
      worker.onmessage = (event) => resolve(event.data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
    const allowed = Object.keys(rows).filter((name) => rows[name] === "allowed");
    assertEquals(allowed, ["write state", "write workspace"]);
    const otherwise = Object.entries(rows).filter(([, outcome]) =>
      outcome !== "allowed" && !/NotCapable|Requires \w+ access/.test(outcome)
    );
    assertEquals(otherwise, []);
  } finally {
    worker.terminate();
    URL.revokeObjectURL(url);
    Deno.removeSync(home, { recursive: true });
  }
});
