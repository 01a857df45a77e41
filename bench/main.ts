/**
 * Measures the program: `deno task bench [FIGURE…]`. One line of JSON for each figure; see README.md.
 *
 * Exit status 1 when a figure could not be measured; a missed goal is said in its line.
 */
import { fromFileUrl } from "../src/platform/std/path.ts";
import { type Figure, lineOf } from "./_figure.ts";

/** Measures one thing; a long one hands over its figures as they come. */
type Measure = () => Promise<Figure[]> | AsyncGenerator<Figure>;

const FIGURES: Readonly<Record<string, () => Promise<Measure>>> = {
  size: async () => (await import("./size.ts")).size,
  version: async () => (await import("./version.ts")).version,
  start: async () => (await import("./start.ts")).start,
  stop: async () => (await import("./stop.ts")).stop,
  "first-event": async () => (await import("./first_event.ts")).firstEvent,
  "first-text": async () => (await import("./first_text.ts")).firstText,
  prewarm: async () => (await import("./prewarm.ts")).prewarm,
  codex: async () => (await import("./codex.ts")).codex,
  chunks: async () => (await import("./chunks.ts")).chunks,
  throughput: async () => (await import("./throughput.ts")).throughput,
  kill: async () => (await import("./kill.ts")).kill,
  "idle-cpu": async () => (await import("./idle_cpu.ts")).idleCpu,
  memory: async () => (await import("./memory.ts")).memory,
  resolve: async () => (await import("./resolve.ts")).resolve,
  forwarder: async () => (await import("./forwarder.ts")).forwarder,
};

/**
 * The binary to measure: `EXECUTOR_BINARY` (`source` for none), else what `deno task compile` made, if
 * it did.
 */
async function findBinary(): Promise<string | undefined> {
  const given = Deno.env.get("EXECUTOR_BINARY");
  if (given === "source") return undefined;
  if (given) return await Deno.realPath(given);
  try {
    return await Deno.realPath(fromFileUrl(new URL("../dist/wegent-executor", import.meta.url)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.find((name) => !Object.hasOwn(FIGURES, name));
  if (unknown !== undefined) {
    const known = Object.keys(FIGURES).join(", ");
    print(Deno.stderr, `Unknown figure "${unknown}"; there are ${known}`);
    return 2;
  }
  const binary = await findBinary();
  // Worlds run the program that this variable names.
  if (binary) Deno.env.set("EXECUTOR_BINARY", binary);
  else Deno.env.delete("EXECUTOR_BINARY");
  const from = binary ? "binary" : "source";
  let status = 0;
  for (const name of wanted.length > 0 ? wanted : Object.keys(FIGURES)) {
    try {
      const measure = await FIGURES[name]!();
      for await (const figure of await measure()) {
        print(Deno.stdout, JSON.stringify(lineOf(figure, from)));
      }
    } catch (error) {
      print(Deno.stdout, JSON.stringify({ name, error: String(error), from }));
      status = 1;
    }
  }
  return status;
}

function print(stream: { writeSync(bytes: Uint8Array): number }, line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let n = 0; n < bytes.length;) n += stream.writeSync(bytes.subarray(n));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
