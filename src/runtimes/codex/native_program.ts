/** What npm puts in front of Codex, and what is behind it. */
import { dirname, join } from "../../platform/std/path.ts";
import { codexPackage } from "./release.ts";

/**
 * The native program behind a candidate: npm puts a script there that would stay as a second process.
 * Null when there is no such file.
 */
export function nativeProgram(candidate: string): string | null {
  const real = realFile(candidate);
  const pkg = codexPackage();
  if (real === null || !pkg) return real;
  const script = /\.(?:c?js|mjs|cmd)$/i.test(real);
  if (!script) return real;
  // `<package>/bin/codex.js`, or `<prefix>/codex.cmd` beside `node_modules`.
  const roots = [dirname(dirname(real)), join(dirname(real), "node_modules/@openai/codex")];
  const inside = join("vendor", pkg.triple, pkg.binary);
  for (const root of roots) {
    for (
      const place of [join(root, "node_modules", pkg.nested), join(root, "../..", pkg.nested), root]
    ) {
      const found = realFile(join(place, inside));
      if (found !== null) return found;
    }
  }
  // Of a layout we do not know; the script works too, except where it needs a shell.
  return /\.cmd$/i.test(real) ? null : real;
}

function realFile(path: string): string | null {
  try {
    const real = Deno.realPathSync(path);
    return Deno.statSync(real).isFile ? real : null;
  } catch (error) {
    // Missing, unreadable or a loop: nothing that could be started.
    if (error instanceof Error) return null;
    throw error;
  }
}
