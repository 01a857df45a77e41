import { assertEquals } from "../../tests/support/assert.ts";
import type { Changes } from "../workdir/mod.ts";
import { TurnChanges, type TurnSeam } from "./file_changes.ts";

const CHANGES: Changes = { files: [], patch: new Uint8Array() };
const SAVED = { version: 1 } as unknown as Awaited<ReturnType<TurnSeam["save"]>>;
const HERE = new AbortController().signal;

/** A turn whose first snapshot stands when `stand` is called. */
function watched(after: () => Promise<Changes | null> = () => Promise.resolve(CHANGES)) {
  const did: string[] = [];
  const gate = Promise.withResolvers<"named">();
  const turn = new TurnChanges({
    snapshots: {
      before: () => gate.promise,
      after: () => (did.push("after"), after()),
      keep: (path) => void did.push(`keep ${path}`),
      release: (path) => void did.push(`release ${path}`),
      close: () => Promise.resolve(void did.push("close")),
    },
    queue: (work) => work(),
    save: () => Promise.resolve(SAVED),
    onLeft: (error) => void did.push(String(error)),
    onEnd: (error) => void (error && did.push((error as { code?: string }).code ?? String(error))),
  });
  const tool = (id: string, name: string, input: Record<string, unknown> = {}) => ({
    added: () =>
      turn.observe([{ event: "response.output_item.added", data: { item: { id, name } } }]),
    ready: () =>
      turn.observe([{
        event: "response.function_call_arguments.done",
        data: { item_id: id, arguments_summary: input },
      }]),
    done: (status = "completed") =>
      turn.observe([{ event: "response.output_item.done", data: { item: { id, status } } }]),
    asks: () => turn.beforeTool({ id, name, input }),
  });
  return { did, turn, tool, stand: () => gate.resolve("named"), fail: gate.reject };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5));
}

Deno.test("TurnChanges.beforeTool() holds a tool back until the first snapshot stands", async () => {
  const { turn, tool, stand, did } = watched();
  turn.start();
  const write = tool("t1", "Write", { file_path: "a" });
  write.added();
  write.ready();
  let allowed = false;
  const asked = write.asks().then(() => allowed = true);
  await tool("t2", "Read").asks();
  await settle();
  assertEquals(allowed, false);
  stand();
  await asked;
  assertEquals(did.includes("keep a"), true);
  assertEquals(await turn.finish(HERE), SAVED);
});

Deno.test("TurnChanges tells nothing when a tool that did not ask may have run too early", async () => {
  for (const [name, told] of [["Bash", null], ["mcp__x__y", null], ["Read", SAVED]] as const) {
    const { turn, tool, stand } = watched();
    turn.start();
    const early = tool("t1", name);
    early.added();
    early.ready();
    stand();
    await settle();
    tool("t2", "Edit").added();
    assertEquals(await turn.finish(HERE), told, name);
  }
  const { turn, tool, stand } = watched();
  turn.start();
  tool("t1", "Bash").added();
  stand();
  await settle();
  tool("t1", "Bash").ready();
  assertEquals(await turn.finish(HERE), SAVED, "its arguments were not complete by then");
});

Deno.test("TurnChanges looks only after turns with tools that could write", async () => {
  const { turn, tool, stand, did } = watched();
  turn.start();
  stand();
  assertEquals(await turn.finish(HERE), null);
  tool("t1", "Grep").added();
  assertEquals(await turn.finish(HERE), null);
  assertEquals(did, []);
  tool("t2", "Bash").added();
  assertEquals(await turn.finish(HERE), SAVED);
  assertEquals(did, ["after"]);
});

Deno.test("TurnChanges forgets a file only when no other tool edits it", async () => {
  const { turn, tool, stand, did } = watched();
  turn.start();
  stand();
  await settle();
  for (const [id, path] of [["t1", "a"], ["t2", "a"], ["t3", "b"]] as const) {
    const edit = tool(id, "Edit", { file_path: path });
    edit.added();
    edit.ready();
  }
  tool("t1", "Edit").done("failed");
  tool("t2", "Edit").done("completed");
  tool("t3", "Edit").done("failed");
  assertEquals(did, ["keep a", "keep a", "keep b", "release b"]);
});

Deno.test("TurnChanges.finish() ends at once when nobody waits any more, and survives failures", async () => {
  const slow = watched(() => new Promise(() => {}));
  slow.turn.start();
  slow.stand();
  slow.tool("t1", "Bash").added();
  const abort = new AbortController();
  const finish = slow.turn.finish(abort.signal);
  abort.abort();
  assertEquals(await finish, null);
  assertEquals(slow.did.includes("close"), true);

  const failing = watched();
  failing.turn.start();
  const asked = failing.tool("t1", "Bash");
  asked.added();
  failing.fail(Object.assign(new Error("no"), { code: "shell_timeout" }));
  await asked.asks();
  assertEquals(await failing.turn.finish(HERE), null);
  assertEquals(failing.did, ["shell_timeout"]);
});
