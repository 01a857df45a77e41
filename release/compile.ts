/**
 * Builds the one-file executable: `deno task compile [--target TRIPLE] [--output FILE]`.
 *
 * The workers are named because `deno compile` finds only what is imported. `--no-code-cache`: the
 * cache is a predictable file in the temporary directory that other users could write.
 */
import { fromFileUrl, join } from "../src/platform/std/path.ts";
import { parseArgs } from "../src/platform/std/cli.ts";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

/** Permissions of the program as a whole; the device worker and the agents get far less. */
const PERMISSIONS = ["read", "write", "net", "env", "run", "sys", "ffi"].map((p) => `--allow-${p}`);

/** Modules and files that no import names. */
const INCLUDE = ["src/device/worker.ts", "src/hub/worker.ts"];

const args = parseArgs(Deno.args, { string: ["target", "output"] });
const output = typeof args["output"] === "string"
  ? args["output"]
  : join(ROOT, "dist/wegent-executor");
const target = typeof args["target"] === "string" ? ["--target", args["target"]] : [];
Deno.mkdirSync(join(ROOT, "dist"), { recursive: true });

const { code } = await new Deno.Command(Deno.execPath(), {
  args: [
    "compile",
    "--no-check",
    "--no-prompt",
    "--no-code-cache",
    "--unstable-worker-options",
    ...PERMISSIONS,
    ...INCLUDE.flatMap((path) => ["--include", path]),
    ...target,
    "--output",
    output,
    "main.ts",
  ],
  cwd: ROOT,
}).output();
if (code === 0) {
  const { size } = Deno.statSync(output);
  console.log(`${output} (${(size / 1e6).toFixed(1)} MB)`);
}
Deno.exit(code);
