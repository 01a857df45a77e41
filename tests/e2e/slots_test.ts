/** Slots and queue of the device, whoever the server is. */
import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { callTool, say, script } from "../support/model.ts";
import type { World } from "../support/world.ts";
import { type DeviceFixture, LONG, until, withDevice, workdirOf } from "./fixture.ts";

/** A turn that runs until the file `go` appears in its directory. */
const waiting = script(
  callTool("Bash", {
    command: "touch started; for i in $(seq 600); do [ -e go ] && break; sleep 0.1; done",
    description: "d",
  }),
  say("done"),
);

Deno.test("of six tasks five run and the sixth waits; cancelled, it never starts", () =>
  withDevice({}, async ({ backend, model, request, world }) => {
    const turns = Array.from({ length: 6 }, () => request(waiting));
    for (const turn of turns) backend.execute(turn);
    const five = turns.slice(0, 5);
    const sixth = turns[5]!;
    const started = () =>
      turns.filter((t) => {
        try {
          return Deno.statSync(`${workdirOf(world, t.task_id)}/started`).isFile;
        } catch (error) {
          if (error instanceof Deno.errors.NotFound) return false;
          throw error;
        }
      }).map((t) => t.task_id);
    await until(() => started().length === 5, "five running tasks", 2 * LONG);
    assertEquals(started(), five.map((t) => t.task_id));
    await until(() => backend.device()?.runningTaskIds.length === 5, "five ids in the heartbeat");
    const beat = backend.device()!.heartbeats.at(-1)!.payload;
    assertEquals(beat["queued_task_ids"], [sixth.task_id]);
    backend.cancel({ taskId: sixth.task_id, subtaskId: sixth.subtask_id });
    const cancelled = await backend.waitTerminal(sixth.subtask_id, LONG);
    assertEquals(cancelled.terminals.map((t) => t.event), ["response.incomplete"]);
    for (const turn of five) Deno.writeTextFileSync(`${workdirOf(world, turn.task_id)}/go`, "");
    for (const turn of five) {
      assertEquals((await backend.waitTerminal(turn.subtask_id, 2 * LONG)).status, "COMPLETED");
    }
    await until(() => backend.device()?.runningTaskIds.length === 0, "free slots");
    assertEquals(started().includes(sixth.task_id), false);
    const asked = model.scripted().filter((r) => r.prompt.includes(`/${sixth.task_id}`));
    assertEquals(asked, []);
  }));

Deno.test("a waiting task starts when a slot is free, and a duplicate of a live one is ignored", () =>
  withDevice({}, async ({ backend, request, world }) => {
    const turns = Array.from({ length: 6 }, () => request(waiting));
    for (const turn of turns) backend.execute(turn);
    const [first, sixth] = [turns[0]!, turns[5]!];
    backend.emit("task:execute", first);
    backend.emit("task:execute", sixth);
    const dir = workdirOf(world, first.task_id);
    await until(() => backend.eventsOf(first.subtask_id).length > 2, "the first task's events");
    Deno.writeTextFileSync(`${dir}/go`, "");
    await backend.waitTerminal(first.subtask_id, 2 * LONG);
    for (const turn of turns.slice(1)) {
      const path = workdirOf(world, turn.task_id);
      await until(() => {
        try {
          Deno.writeTextFileSync(`${path}/go`, "");
          return true;
        } catch (error) {
          if (error instanceof Deno.errors.NotFound) return false;
          throw error;
        }
      }, `the directory of task ${turn.task_id}`);
    }
    for (const turn of turns) {
      const done = await backend.waitTerminal(turn.subtask_id, 2 * LONG);
      assertEquals(done.status, "COMPLETED", done.error);
    }
    const terminals = turns.map((t) => backend.turns.get(t.subtask_id)?.terminals.length);
    assertEquals(terminals, [1, 1, 1, 1, 1, 1]);
  }));

/** Starts five waiting tasks and a sixth that is queued. */
async function fillSlots({ backend, request, world }: DeviceFixture) {
  const turns = Array.from({ length: 6 }, () => request(waiting));
  for (const turn of turns) backend.execute(turn);
  await until(
    () => turns.slice(0, 5).every((turn) => started(world, turn.task_id)),
    "five running tasks",
    2 * LONG,
  );
  return turns;
}

function started(world: World, taskId: number): boolean {
  try {
    return Deno.statSync(`${workdirOf(world, taskId)}/started`).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("the queue survives kill -9: towards a server that counts the sixth task runs later", () =>
  withDevice({ stub: { features: ["seq"] } }, async (fixture) => {
    const { backend, daemon, startDaemon, world } = fixture;
    const turns = await fillSlots(fixture);
    const sixth = turns[5]!;
    daemon.signal("SIGKILL");
    await daemon.exited(LONG);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await startDaemon();
    await until(() => backend.device()?.runningTaskIds.length === 5, "five adopted tasks");
    assertEquals(started(world, sixth.task_id), false);
    Deno.writeTextFileSync(`${workdirOf(world, turns[0]!.task_id)}/go`, "");
    await until(() => started(world, sixth.task_id), "the sixth task's start");
    for (const turn of turns.slice(1)) {
      Deno.writeTextFileSync(`${workdirOf(world, turn.task_id)}/go`, "");
    }
    for (const turn of turns) {
      const { terminals } = await backend.waitTerminal(turn.subtask_id, 2 * LONG);
      assertEquals(terminals.map((t) => t.event), ["response.completed"]);
    }
  }));

Deno.test("towards a Wegent backend a task that waited while the device was away is ended unstarted", () =>
  withDevice({ stub: { graceMs: 60_000 } }, async (fixture) => {
    const { backend, daemon, startDaemon, world } = fixture;
    const turns = await fillSlots(fixture);
    const sixth = turns[5]!;
    daemon.signal("SIGKILL");
    await daemon.exited(LONG);
    await new Promise((resolve) => setTimeout(resolve, 3500));
    await startDaemon();
    const ended = await backend.waitTerminal(sixth.subtask_id, LONG);
    assertEquals(ended.terminals.map((t) => t.event), ["error"]);
    assertStringIncludes(ended.error, "not started");
    for (const turn of turns.slice(0, 5)) {
      Deno.writeTextFileSync(`${workdirOf(world, turn.task_id)}/go`, "");
    }
    for (const turn of turns.slice(0, 5)) {
      const done = await backend.waitTerminal(turn.subtask_id, 2 * LONG);
      assertEquals(done.terminals.map((t) => t.event), ["response.completed"]);
    }
    assertEquals(started(world, sixth.task_id), false);
  }));
