/**
 * Process of {@link HostStandin}: `SOCKET HOST_ID DELTAS`. Serves one daemon and answers each turn by
 * appending its events to the run's journal as fast as it can, telling the daemon after each batch.
 */
import {
  ATTACH_PROTOCOL,
  ATTACH_VERSION,
  hostCommand,
  type HostNotice,
  JournalWriter,
  type RunSpec,
} from "../src/hosts/mod.ts";
import { ResponseBuilder } from "../src/protocol/mod.ts";

/** Events in one write to the journal: what a read from the agent's pipe brings at most, about. */
const BATCH = 100;

const [socket = "", host = "", deltas = "0"] = Deno.args;
const listener = Deno.listen({ transport: "unix", path: socket });
Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
for await (const conn of listener) await serve(conn);

async function serve(conn: Deno.UnixConn): Promise<void> {
  let rest = "";
  let greeted = false;
  for await (const part of conn.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!greeted) {
        const facts = { host, pid: Deno.pid, agent_pid: null, runs: [] };
        await send(conn, { protocol: ATTACH_PROTOCOL, version: ATTACH_VERSION, ...facts });
        greeted = true;
        continue;
      }
      const command = hostCommand.parse(JSON.parse(line));
      if (command.cmd === "turn") await answer(conn, command.run);
      if (command.cmd === "close") Deno.exit(0);
    }
  }
}

async function answer(conn: Deno.UnixConn, run: RunSpec): Promise<void> {
  const journal = JournalWriter.open(`${run.dir}/journal.ndjson`);
  const builder = new ResponseBuilder(run, run.builder);
  const tell = (ended: boolean) => {
    const notice: HostNotice = { notice: "tail", run: run.id, ...journal.tail, ended };
    return send(conn, notice);
  };
  for (let left = Number(deltas); left > 0; left -= BATCH) {
    const count = Math.min(BATCH, left);
    journal.append(Array.from({ length: count }, () => builder.text("a word ")).flat());
    await tell(false);
  }
  journal.append(builder.completed({ text: "" }), { sync: true });
  await tell(true);
  journal.close();
}

async function send(conn: Deno.UnixConn, value: unknown): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(value) + "\n");
  for (let n = 0; n < bytes.length;) n += await conn.write(bytes.subarray(n));
}
