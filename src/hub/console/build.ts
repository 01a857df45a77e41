/**
 * Bundles the page into `dist/console.json`, which the program embeds. Run with `deno task console`
 * (Deno 2.9.6) after every change in this folder; a test compares the recorded hash of the sources.
 */
import { dirname, fromFileUrl, join } from "../../platform/std/path.ts";

const HERE = dirname(fromFileUrl(import.meta.url));
const ROOT = join(HERE, "../../..");
/** The embedded page, beside a hash of everything it was made of. */
export const OUTPUT: string = join(HERE, "dist", "console.json");

/** What the page is made of: this folder's own sources and the versions of its libraries. */
export async function sourceHash(): Promise<string> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(HERE)) {
    if (entry.isFile && !entry.name.endsWith("_test.ts")) names.push(entry.name);
  }
  const { imports } = JSON.parse(await Deno.readTextFile(join(ROOT, "import_map.json")));
  const parts = [`${imports["preact"]} ${imports["socket.io-client/browser"]}`];
  for (const name of names.sort()) {
    parts.push(name, await Deno.readTextFile(join(HERE, name)));
  }
  return await hashOf(parts.join("\0"));
}

/** Bundles the page and returns the content of {@link OUTPUT}. */
export async function build(): Promise<string> {
  const js = await bundle();
  const css = compact(await Deno.readTextFile(join(HERE, "style.css")));
  const icon = await Deno.readTextFile(join(HERE, "icon.svg"));
  const files: Record<string, string> = {};
  const add = async (name: string, extension: string, text: string) => {
    const path = `/assets/${name}-${(await hashOf(text)).slice(0, 10)}.${extension}`;
    files[path] = text;
    return path;
  };
  const html = (await Deno.readTextFile(join(HERE, "index.html")))
    .replace("{{js}}", await add("console", "js", js))
    .replace("{{css}}", await add("console", "css", css))
    .replace("{{icon}}", await add("icon", "svg", icon.trim()));
  files["/index.html"] = html;
  return JSON.stringify({ sources: await sourceHash(), files }, null, 2) + "\n";
}

async function bundle(): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--lock=deno.lock",
      "--frozen",
      "--config",
      join(ROOT, "deno.json"),
      "--platform",
      "browser",
      "--minify",
      join(HERE, "main.tsx"),
    ],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!success) throw new Error(`Cannot bundle the page: ${decode(stderr)}`);
  return decode(stdout).trim();
}

function compact(css: string): string {
  return css.replaceAll(/\s*\n\s*/g, "\n").trim();
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
}

if (import.meta.main) {
  await Deno.mkdir(dirname(OUTPUT), { recursive: true });
  await Deno.writeTextFile(OUTPUT, await build());
}
