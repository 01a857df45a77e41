/** How this program starts itself again: for hosts, the launcher and a restart. */
import { fromFileUrl, join } from "./std/path.ts";

/** Permission flags of the program when it runs from source; the same as in `deno.json`'s tasks. */
const SOURCE_FLAGS = [
  "--no-prompt",
  "--cached-only",
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-env",
  "--allow-run",
  "--allow-sys",
  "--allow-ffi",
] as const;

/**
 * The executable's path as it was at start: after the running file is replaced, `Deno.execPath()`
 * names a file that no longer exists.
 */
const execPath = Deno.execPath();

/** Argv prefix that runs this program: `[binary]`, or `deno run … main.ts` from source. */
export function selfCommand(): string[] {
  if (Deno.build.standalone) return [execPath];
  const root = fromFileUrl(new URL("../../", import.meta.url));
  return [
    execPath,
    "run",
    ...SOURCE_FLAGS,
    "--config",
    join(root, "deno.json"),
    `--lock=${join(root, "deno.lock")}`,
    join(root, "main.ts"),
  ];
}

/** Directories the program itself must be able to read when it runs from source. */
export function sourceRoots(): string[] {
  return Deno.build.standalone ? [] : [fromFileUrl(new URL("../../", import.meta.url))];
}

/**
 * URL of the module `src/<path>.ts`, for starting it as a worker. In the executable all code is bundled:
 * a module's own URL then lies at the bundle's root and the workers below `src/`.
 *
 * @param from `import.meta.url` of a module directly in a folder of `src`.
 */
export function moduleUrl(from: string, path: string): string {
  return from.endsWith(".ts")
    ? new URL(`../${path}.ts`, from).href
    : new URL(`./src/${path}.js`, from).href;
}
