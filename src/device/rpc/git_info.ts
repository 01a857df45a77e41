/**
 * What is checked out in a directory, read from git's own files: no process is started, since a
 * repository an agent has changed can make git run programs. What cannot be read is not told.
 */
import { isAbsolute, join } from "../../platform/std/path.ts";
import type { LocalTask } from "../../protocol/mod.ts";

/** Most bytes read of one file. */
const MAX_BYTES = 1024 * 1024;

/** Branch, origin and commit of the repository whose root is `path`; undefined when there is none. */
export function gitInfo(path: string): LocalTask["gitInfo"] {
  const dir = gitDir(path);
  const head = dir === null ? null : read(join(dir, "HEAD"))?.trim();
  if (dir === null || !head) return undefined;
  const common = commonDir(dir);
  const ref = /^ref: (refs\/heads\/([^\s~^:?*[\\]{1,250}))$/.exec(head);
  const sha = ref ? shaOf(dir, common, ref[1]!) : commit(head);
  if (!ref && !sha) return undefined;
  return { branch: ref?.[2] ?? "", originUrl: originUrl(common), sha };
}

/** `.git` itself, or where the file of a worktree or submodule points. */
function gitDir(path: string): string | null {
  const dot = join(path, ".git");
  try {
    if (Deno.lstatSync(dot).isDirectory) return dot;
  } catch (error) {
    if (unreadable(error)) return null;
    throw error;
  }
  const target = /^gitdir: (.+)$/m.exec(read(dot) ?? "")?.[1];
  if (!target) return null;
  return isAbsolute(target) ? target : join(path, target);
}

function commonDir(dir: string): string {
  const text = read(join(dir, "commondir"))?.trim();
  if (!text) return dir;
  return isAbsolute(text) ? text : join(dir, text);
}

function shaOf(dir: string, common: string, ref: string): string {
  if (ref.split("/").includes("..")) return "";
  const loose = commit(read(join(dir, ref)) ?? "") || commit(read(join(common, ref)) ?? "");
  if (loose) return loose;
  const packed = read(join(common, "packed-refs")) ?? "";
  return commit(packed.split("\n").find((line) => line.endsWith(` ${ref}`)) ?? "");
}

function commit(text: string): string {
  return /^[0-9a-f]{40}(?:[0-9a-f]{24})?(?=\s|$)/.exec(text)?.[0] ?? "";
}

/** Address of `origin` without a login in it. */
function originUrl(common: string): string {
  let section = "";
  for (const line of (read(join(common, "config")) ?? "").split("\n")) {
    section = /^\s*\[(.+)\]\s*$/.exec(line)?.[1] ?? section;
    const url = /^\s*url\s*=\s*(\S+)\s*$/.exec(line)?.[1];
    if (url && section === 'remote "origin"') return withoutLogin(url).slice(0, 2048);
  }
  return "";
}

function withoutLogin(url: string): string {
  return url.replace(/^([a-z+]+:\/\/)[^/@]*@/i, "$1");
}

function read(path: string): string | null {
  try {
    if (!Deno.lstatSync(path).isFile) return null;
    using file = Deno.openSync(path, { read: true });
    const buffer = new Uint8Array(Math.min(MAX_BYTES, file.statSync().size));
    const n = file.readSync(buffer) ?? 0;
    return new TextDecoder().decode(buffer.subarray(0, n));
  } catch (error) {
    if (unreadable(error)) return null;
    throw error;
  }
}

/** Missing, outside of what the worker may read, or not what it seems. */
function unreadable(error: unknown): boolean {
  const { NotFound, NotCapable, PermissionDenied, NotADirectory, FilesystemLoop } = Deno.errors;
  return [NotFound, NotCapable, PermissionDenied, NotADirectory, FilesystemLoop]
    .some((kind) => error instanceof kind);
}
