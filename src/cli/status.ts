/** `wegent-executor status`. */
import * as z from "zod";
import { EXIT } from "../platform/mod.ts";
import { askDaemon } from "../supervisor/mod.ts";
import { parseFlags } from "./arguments.ts";
import { runDir } from "./environment.ts";
import { print, printJson } from "./output.ts";

const statusReply = z.looseObject({
  version: z.string(),
  pid: z.number(),
  device: z.looseObject({ id: z.string(), name: z.string() }),
  server: z.string(),
  worker_error: z.string().nullable(),
  worker: z.looseObject({
    registered: z.boolean(),
    last_error: z.string().nullable(),
    slots: z.looseObject({
      used: z.number(),
      max: z.number(),
      queued: z.number(),
    }),
    outbox: z.looseObject({ undelivered: z.number() }),
    tasks: z.array(z.looseObject({
      task_id: z.number(),
      subtask_id: z.number(),
      state: z.string(),
      workdir: z.string().nullable(),
      notice: z.string().nullish(),
    })),
  }).nullable(),
  hosts: z.array(
    z.looseObject({
      host: z.string(),
      pid: z.number(),
      task_id: z.number(),
      usage: z.looseObject({
        processes: z.number(),
        memory: z.number(),
        open_files: z.number(),
      }).nullish(),
    }),
  ),
  spares: z.looseObject({ waiting: z.number(), used: z.number(), missed: z.number().default(0) }),
  sandbox: z.looseObject({
    active: z.boolean(),
    mode: z.string(),
    reason: z.string().nullish(),
  }),
});

export default async function status(args: string[]): Promise<number> {
  const parsed = parseFlags({
    name: "status",
    examples: ["wegent-executor status", "wegent-executor status --json"],
    summary: "Shows what the running device is doing; exit 1 when none is running.",
    flags: [{ name: "json", help: "Print everything as JSON" }],
  }, args);
  if (!parsed) return EXIT.ok;
  const reply = await askDaemon(runDir(), "status");
  if (parsed.flags["json"]) printJson(reply);
  else show(statusReply.parse(reply));
  return EXIT.ok;
}

function show(s: z.infer<typeof statusReply>): void {
  const { worker } = s;
  const state = worker?.registered
    ? "🟢 registered"
    : `🔴 not registered${
      worker?.last_error ? ` (${worker.last_error})` : s.worker_error ? ` (${s.worker_error})` : ""
    }`;
  print(`${s.device.name}  ${state}`);
  print(`  server   ${s.server}`);
  print(`  device   ${s.device.id}`);
  print(`  process  pid ${s.pid}, version ${s.version}`);
  if (worker) {
    const queued = worker.slots.queued ? `, ${worker.slots.queued} waiting` : "";
    print(
      `  slots    ${worker.slots.used}/${worker.slots.max} slots in use${queued}`,
    );
    if (worker.outbox.undelivered) {
      print(`  outbox   ${worker.outbox.undelivered} events not delivered yet`);
    }
    for (const task of worker.tasks) {
      print(
        `    task ${task.task_id}/${task.subtask_id} ${task.state} ${task.workdir ?? ""}`.trimEnd(),
      );
      if (task.notice) print(`      ${task.notice}`);
    }
  }
  for (const host of s.hosts) {
    const { usage } = host;
    const used = usage
      ? `, ${usage.processes} processes, ${
        Math.round(usage.memory / 1e6)
      } MB, ${usage.open_files} open files`
      : "";
    print(`  host     task ${host.task_id}, pid ${host.pid}${used}`);
  }
  const { waiting, used, missed } = s.spares;
  if (waiting + used > 0) {
    print(`  spares   ${waiting} waiting; ${used} of ${used + missed} new sessions found one`);
  }
  const sandbox = s.sandbox.active
    ? "active"
    : `NOT active${s.sandbox.reason ? `: ${s.sandbox.reason}` : ""}`;
  print(`  sandbox  ${sandbox} (mode ${s.sandbox.mode})`);
}
