// deno-lint-ignore-file no-console -- the version is printed before anything is loaded
/** Entry of the program: argv goes to the command line; nothing else happens here. */
import { VERSION } from "./src/platform/version.ts";

const first = Deno.args[0];
if (
  first === "--version" || first === "-v" ||
  (first === "version" && Deno.args.length === 1)
) {
  // Answered before anything else is loaded.
  console.log(VERSION);
} else if (first === "__launch") {
  // Its start counts for every process of an agent: it loads no package.
  const { runLauncher } = await import("./src/scope/launcher.ts");
  runLauncher(Deno.args.slice(1));
} else {
  const { main } = await import("./src/cli/mod.ts");
  const status = await main(Deno.args);
  if (status !== null) Deno.exit(status);
}
