/** A small disk that can be filled: a tmpfs of a few megabytes (needs root on Linux). */
import { join } from "../../src/platform/std/path.ts";

/** Why there can be no small disk here; undefined when there can. */
export function smallDiskReason(): string | undefined {
  if (Deno.build.os !== "linux") return "a small disk needs Linux";
  if (Deno.uid() !== 0) return "mounting a small disk needs root";
  return undefined;
}

/** A mounted disk. */
export class SmallDisk {
  private constructor(readonly path: string) {}

  /**
   * Mounts a disk.
   *
   * @param path An existing empty directory.
   * @param megabytes Size in MiB.
   * @throws {Error} If mounting fails, see {@link smallDiskReason}.
   */
  static async mount(path: string, megabytes: number): Promise<SmallDisk> {
    const size = `size=${megabytes}m,mode=0755`;
    await mustRun("mount", ["-t", "tmpfs", "-o", size, "wegent-test-disk", path]);
    return new SmallDisk(path);
  }

  get #ballast(): string {
    return join(this.path, ".ballast");
  }

  /**
   * Fills the disk until not a byte goes in, or until `leaveBytes` are left (in whole pages).
   *
   * @returns Bytes written.
   */
  async fill(leaveBytes = 0): Promise<number> {
    using file = await Deno.open(this.#ballast, { create: true, append: true });
    let written = 0;
    const pages = [1024 * 1024, 4096];
    for (const size of pages) {
      const piece = new Uint8Array(size);
      try {
        for (;;) written += await file.write(piece);
      } catch (error) {
        if (!isFull(error)) throw error;
      }
    }
    if (leaveBytes > 0) {
      const { size } = await file.stat();
      await file.truncate(Math.max(0, size - leaveBytes));
    }
    return written;
  }

  /** Makes room again. */
  async free(): Promise<void> {
    try {
      await Deno.remove(this.#ballast);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Takes the disk away, also when something still has a file open on it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await mustRun("umount", ["--lazy", this.path]);
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && /ENOSPC|No space left|os error 28/.test(error.message);
}

async function mustRun(command: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, {
    args,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  throw new Error(`${command} failed: ${new TextDecoder().decode(stderr).trim()}`);
}
