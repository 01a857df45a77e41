/** Looks for secrets in files and texts, independently of how the program masks them. */
import { join } from "../../src/platform/std/path.ts";

/** A secret that was found. */
export interface Found {
  readonly path: string;
  readonly name: string;
  /** Place in {@link formsOfSecret}. */
  readonly form: number;
}

/**
 * A secret as it is, in JSON, in a URL, and what of its base64 depends on it alone, at each of the three
 * places of its first byte in a group.
 */
export function formsOfSecret(secret: string): string[] {
  const base64 = [0, 1, 2].map((before) =>
    base64Around(secret, before)
      .slice(Math.ceil(before * 8 / 6), Math.floor((before + secret.length) * 8 / 6))
  );
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    ...base64,
  ];
}

/** Base64 of a text with the secret after `before` other bytes. */
export function base64Around(secret: string, before: number): string {
  return btoa(`${"x".repeat(before)}${secret}\n`);
}

/** Every form of `secrets` in every file below `root`, but for paths that `skip` takes. */
export function searchTree(
  root: string,
  secrets: Readonly<Record<string, string>>,
  skip: (path: string) => boolean = () => false,
): Found[] {
  const found: Found[] = [];
  for (const entry of Deno.readDirSync(root)) {
    const path = join(root, entry.name);
    if (skip(path)) continue;
    if (entry.isDirectory) found.push(...searchTree(path, secrets, skip));
    if (!entry.isFile) continue;
    const text = read(path);
    for (const [name, secret] of Object.entries(secrets)) {
      formsOfSecret(secret).forEach((form, i) => {
        if (text.includes(form)) found.push({ path, name, form: i });
      });
    }
  }
  return found;
}

/** Byte for byte, as far as ASCII goes; empty when it has gone meanwhile. */
function read(path: string): string {
  try {
    return new TextDecoder("latin1").decode(Deno.readFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
