// deno-lint-ignore-file no-console -- a build tool
/**
 * Builds the one-file executable:
 * `deno task compile [--target TRIPLE] [--output FILE] [--roots LIST [--home DIR] [--read LIST]]`.
 *
 * `--roots` is for an image whose working directories are known when it is built: a comma list that
 * becomes the executable's `--allow-read` and `--allow-write`, and its `LOCAL_WORKDIR_ALLOWED_ROOTS`
 * where the environment sets none. `--home` is its WEGENT_EXECUTOR_HOME in the same way; without it the
 * builder's. `--read` names further directories it reads, such as that of an agent's CLI outside of
 * `/usr`. Home directory and paths are those of the machine that builds, which is the image.
 *
 * The code is bundled first: loading a few files instead of hundreds halves the start, and packages
 * that only tests and tools use stay out. `--no-code-cache`: the
 * cache is a predictable file in the temporary directory that other users could write.
 */
import { expandHome, usableRoots } from "../src/config/mod.ts";
import { parseArgs } from "../src/platform/std/cli.ts";
import { fromFileUrl, join } from "../src/platform/std/path.ts";
import { deriveProgramScope, renderDenoFlags } from "../src/scope/mod.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

/** Permissions of the program as a whole; the device worker and the agents get far less. */
const PERMISSIONS = ["read", "write", "net", "env", "run", "sys", "ffi"].map((p) => `--allow-${p}`);

/** Entries of the bundle: the program, and the workers that no import names. */
const ENTRIES = ["main.ts", "src/device/worker.ts", "src/hub/worker.ts"];

const args = parseArgs(Deno.args, { string: ["target", "output", "roots", "home", "read"] });
const image = imageOf(args["roots"], args["home"], args["read"]);
const output = typeof args["output"] === "string"
  ? args["output"]
  : join(ROOT, "dist/wegent-executor");
const target = typeof args["target"] === "string" ? ["--target", args["target"]] : [];
const bundle = join(ROOT, image ? "dist/bundle-image" : "dist/bundle");

/** Flags and environment of an image; null when no roots are given. */
function imageOf(
  list: unknown,
  home: unknown,
  read: unknown,
): { flags: string[]; env: Record<string, string> } | null {
  if (list === undefined && home === undefined) return null;
  const split = (value: unknown) =>
    String(value ?? "").split(",").map((path) => path.trim()).filter(Boolean);
  const listed = split(list);
  if (listed.length === 0) throw new Error('Expected a comma list of directories for "--roots"');
  const userHome = Deno.env.get("HOME");
  if (!userHome) throw new Error("Cannot find the home directory of the image: HOME is not set");
  const { roots, refused } = usableRoots(listed, userHome);
  for (const { root, reason } of refused) {
    throw new Error(`Cannot use the root "${root}": ${reason}`);
  }
  const given = typeof home === "string" ? home : Deno.env.get("WEGENT_EXECUTOR_HOME");
  const executorHome = expandHome(given || "~/.wegent-executor", userHome);
  const chats = Deno.env.get("WEGENT_EXECUTOR_CHATS_DIR") ||
    "~/.wecode/wegent-executor/workspace/chats";
  const flags = renderDenoFlags(deriveProgramScope({
    userHome,
    home: executorHome,
    workspaceRoot: join(executorHome, "workspace"),
    roots: [...roots, expandHome(chats, userHome)],
    path: ["/usr/local/bin", "/usr/bin", "/bin", ...split(read)].join(":"),
  }));
  return {
    // The rest of the flags is the same for every executable.
    flags: flags.filter((flag) => /^--allow-(read|write)=/.test(flag)),
    env: {
      LOCAL_WORKDIR_ALLOWED_ROOTS: roots.join(","),
      ...(typeof home === "string" && { WEGENT_EXECUTOR_HOME: executorHome }),
    },
  };
}

/** Runs Deno itself and ends this program when it fails. */
async function deno(...command: string[]): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), { args: command, cwd: ROOT }).spawn()
    .status;
  if (code !== 0) Deno.exit(code);
}

/** Settings of an image, in force where the environment says nothing else. */
function imageModule(env: Readonly<Record<string, string>>): string {
  return `for(const[k,v]of Object.entries(${
    JSON.stringify(env)
  }))if(!Deno.env.get(k))Deno.env.set(k,v);\n`;
}

await Deno.mkdir(join(ROOT, "dist"), { recursive: true });
await Deno.remove(bundle, { recursive: true }).catch((error) => {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
});
await deno(
  "bundle",
  "--quiet",
  "--lock=deno.lock",
  "--frozen",
  "--platform=deno",
  "--code-splitting",
  "--minify",
  "--outdir",
  bundle,
  ...ENTRIES,
);
// Packages of the older module kind call `require` for the runtime's own modules; imported first, this
// gives them one.
await Deno.writeTextFile(
  join(bundle, "require.js"),
  'import{createRequire}from"node:module";globalThis.require??=createRequire(import.meta.url);\n',
);
for (const entry of ENTRIES.map((path) => path.replace(/ts$/, "js"))) {
  const up = "../".repeat(entry.split("/").length - 1) || "./";
  const code = await Deno.readTextFile(join(bundle, entry));
  await Deno.writeTextFile(join(bundle, entry), `import"${up}require.js";${code}`);
}
if (image) {
  const main = join(bundle, "main.js");
  const code = await Deno.readTextFile(main);
  await Deno.writeTextFile(join(bundle, "image.js"), imageModule(image.env));
  await Deno.writeTextFile(main, `import"./image.js";${code}`);
}
await deno(
  "compile",
  "--quiet",
  "--no-check",
  "--no-prompt",
  "--no-code-cache",
  "--unstable-worker-options",
  // A third less memory for processes that mostly wait; what they pass on is bounded by the agent.
  "--v8-flags=--lite-mode",
  // Nothing but the bundle: no packages, no import map.
  "--no-config",
  "--no-lock",
  ...PERMISSIONS.filter((flag) => !image?.flags.some((baked) => baked.startsWith(`${flag}=`))),
  ...(image?.flags ?? []),
  ...ENTRIES.slice(1).flatMap((path) => ["--include", join(bundle, path.replace(/ts$/, "js"))]),
  ...target,
  "--output",
  output,
  join(bundle, "main.js"),
);
const { size } = Deno.statSync(output);
console.log(`${output} (${(size / 1e6).toFixed(1)} MB)`);
