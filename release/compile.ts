// deno-lint-ignore-file no-console -- a build tool
/**
 * Builds the one-file executable: `deno task compile [--target TRIPLE] [--output FILE]`.
 *
 * The code is bundled first: loading a few files instead of hundreds halves the start, and packages
 * that only tests and tools use stay out. `--no-code-cache`: the
 * cache is a predictable file in the temporary directory that other users could write.
 */
import { fromFileUrl, join } from "../src/platform/std/path.ts";
import { parseArgs } from "../src/platform/std/cli.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

/** Permissions of the program as a whole; the device worker and the agents get far less. */
const PERMISSIONS = ["read", "write", "net", "env", "run", "sys", "ffi"].map((p) => `--allow-${p}`);

/** Entries of the bundle: the program, and the workers that no import names. */
const ENTRIES = ["main.ts", "src/device/worker.ts", "src/hub/worker.ts"];

const args = parseArgs(Deno.args, { string: ["target", "output"] });
const output = typeof args["output"] === "string"
  ? args["output"]
  : join(ROOT, "dist/wegent-executor");
const target = typeof args["target"] === "string" ? ["--target", args["target"]] : [];
const bundle = join(ROOT, "dist/bundle");

/** Runs Deno itself and ends this program when it fails. */
async function deno(...command: string[]): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), { args: command, cwd: ROOT }).spawn()
    .status;
  if (code !== 0) Deno.exit(code);
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
  ...PERMISSIONS,
  ...ENTRIES.slice(1).flatMap((path) => ["--include", join(bundle, path.replace(/ts$/, "js"))]),
  ...target,
  "--output",
  output,
  join(bundle, "main.js"),
);
const { size } = Deno.statSync(output);
console.log(`${output} (${(size / 1e6).toFixed(1)} MB)`);
