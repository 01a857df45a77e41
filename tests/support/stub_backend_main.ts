/**
 * The stub backend as a process of its own, for benchmarks. Prints `{"url","token"}` as its first line,
 * then answers one JSON command a line on standard input with one JSON line on standard output:
 *
 * - `{"cmd":"stats"}` → the counters
 * - `{"cmd":"reset"}` → counters at zero
 * - `{"cmd":"execute","request":{…}}`, `{"cmd":"cancel","task_id","subtask_id"}` → `{"ok":true}`
 * - `{"cmd":"waitDevice","count","ms"}` → the device
 * - `{"cmd":"waitTerminal","subtask_id","ms","count"}` → the turn, without its text
 * - `{"cmd":"waitEvents","count","ms"}` → the counters once that many response events are applied
 *
 * Ends with standard input. Option: `--seq` announces the feature `seq`.
 */
import { z } from "zod";
import { startStubBackend, type StubBackend } from "./stub_backend.ts";

const ms = z.number().positive().max(600_000).default(30_000);
const command = z.discriminatedUnion("cmd", [
  z.strictObject({ cmd: z.literal("stats") }),
  z.strictObject({ cmd: z.literal("reset") }),
  z.strictObject({
    cmd: z.literal("execute"),
    request: z.looseObject({ task_id: z.int(), subtask_id: z.int() }),
  }),
  z.strictObject({
    cmd: z.literal("cancel"),
    task_id: z.int(),
    subtask_id: z.int(),
  }),
  z.strictObject({
    cmd: z.literal("waitDevice"),
    count: z.int().positive().default(1),
    ms,
  }),
  z.strictObject({
    cmd: z.literal("waitTerminal"),
    subtask_id: z.int(),
    count: z.int().positive().default(1),
    ms,
  }),
  z.strictObject({ cmd: z.literal("waitEvents"), count: z.int(), ms }),
]);
type Command = z.infer<typeof command>;

async function run(backend: StubBackend, order: Command): Promise<unknown> {
  switch (order.cmd) {
    case "stats":
      return backend.stats;
    case "reset":
      backend.resetStats();
      return { ok: true };
    case "execute":
      backend.execute(order.request);
      return { ok: true };
    case "cancel":
      backend.cancel({ taskId: order.task_id, subtaskId: order.subtask_id });
      return { ok: true };
    case "waitDevice":
      return await backend.waitDevice(order.ms, order.count);
    case "waitTerminal": {
      const turn = await backend.waitTerminal(
        order.subtask_id,
        order.ms,
        order.count,
      );
      const { text, tools: _, ...rest } = turn;
      return { ...rest, textUnits: text.length };
    }
    case "waitEvents":
      await backend.waitUntil(
        ({ stats }) => stats.events >= order.count,
        order.ms,
        `${order.count} response events`,
      );
      return backend.stats;
  }
}

async function print(value: unknown): Promise<void> {
  const line = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  for (let at = 0; at < line.length;) {
    at += await Deno.stdout.write(line.subarray(at));
  }
}

async function main(args: readonly string[]): Promise<void> {
  await using backend = await startStubBackend({
    record: false,
    features: args.includes("--seq") ? ["seq"] : [],
  });
  await print({ url: backend.url, token: backend.token });
  let rest = "";
  const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const part of input) {
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      try {
        await print(await run(backend, command.parse(JSON.parse(line))));
      } catch (error) {
        await print({ error: String(error) });
      }
    }
  }
}

if (import.meta.main) await main(Deno.args);
