/** Size of the one file that is given away. */
import { type Figure, summary } from "./_figure.ts";

export async function size(): Promise<Figure[]> {
  const path = Deno.env.get("EXECUTOR_BINARY");
  if (!path) throw new Error("There is no binary; `deno task compile` makes it");
  const { size } = await Deno.stat(path);
  return [
    { name: "size", unit: "MB", ...summary([size / 1e6]) },
    { name: "size.gzip", unit: "MB", ...summary([await gzipBytes(path) / 1e6]) },
  ];
}

/** Bytes of the file behind `gzip -9`. */
async function gzipBytes(path: string): Promise<number> {
  const { stdout, status } = new Deno.Command("gzip", {
    args: ["-9", "-c", path],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let bytes = 0;
  for await (const part of stdout) bytes += part.length;
  if (!(await status).success) throw new Error("gzip failed");
  return bytes;
}
