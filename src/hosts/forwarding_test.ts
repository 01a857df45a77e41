/** The real CLI behaves the same whether its requests are forwarded or go straight to the model. */
import { assert, assertEquals } from "../../tests/support/assert.ts";
import { environmentOf } from "../../tests/support/processes.ts";
import { HostHarness } from "../../tests/support/host_harness.ts";
import {
  callTool,
  type LoggedRequest,
  say,
  script,
  startModel,
  type Step,
} from "../../tests/support/model.ts";
import type { JournalRecord } from "./journal.ts";

/** What both ways must have in common. */
interface Course {
  readonly events: string[];
  readonly requests: unknown[];
}

interface Scenario {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Cancels once so much text was sent. */
  readonly cancelAt?: number;
}

const SCENARIOS: readonly Scenario[] = [
  { name: "text", steps: [say("Grüße 😀 and more", { chunkSize: 4, thinking: "hm" })] },
  {
    name: "a tool round",
    steps: [
      callTool("Bash", { command: "echo out; exit 2", description: "d" }, { text: "go " }),
      say("done"),
    ],
  },
  { name: "401", steps: [say("", { status: 401, message: "invalid x-api-key" })] },
  {
    name: "529 and a retry",
    steps: [say("ok", {
      attempts: [{ status: 529, headers: { "retry-after": "0" } }, { text: "ok" }],
    })],
  },
  {
    name: "a stream that breaks",
    steps: [say("abcdef", {
      attempts: [{ text: "abcdef", chunks: 6, gapMs: 20, cutAfter: 3 }, { text: "abcdef" }],
    })],
  },
  {
    name: "an error in the stream",
    steps: [say("abcdef", { chunks: 6, errorAfter: 2, error: "overloaded_error" })],
  },
  { name: "a cancel", steps: [say("x".repeat(500), { chunks: 500, gapMs: 30 })], cancelAt: 5 },
];

for (const scenario of SCENARIOS) {
  Deno.test(`KeyForwarder changes nothing for the CLI: ${scenario.name}`, async () => {
    const direct = await run(scenario, false);
    const forwarded = await run(scenario, true);
    assertEquals(forwarded, direct);
    assert(direct.events.length > 1 && direct.requests.length > 0);
  });
}

async function run({ steps, cancelAt }: Scenario, forwardKeys: boolean): Promise<Course> {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url, forwardKeys });
  const daemon = await host.attach();
  const turn = await host.turn(script(...steps));
  if (cancelAt !== undefined) {
    await model.waitForSent(cancelAt, 30_000);
    const env = environmentOf(host.agentPid ?? 0);
    assertEquals(env.get("ANTHROPIC_BASE_URL") !== model.url, forwardKeys);
    assertEquals(env.get("ANTHROPIC_AUTH_TOKEN") !== "test-key-of-the-model", forwardKeys);
    await daemon.send({ cmd: "cancel", run: turn.id });
  }
  const records = await host.ended(turn, 60_000);
  await model.waitForIdle(10_000);
  const { workdir } = host;
  const tidy = (text: string) =>
    text.replaceAll(workdir, "/w").replaceAll(/[0-9a-f-]{36}/g, "uuid");
  return {
    events: eventsOf(records, cancelAt !== undefined).map(tidy),
    requests: model.scripted().map((request) => requestOf(request)),
  };
}

/** Names, with what a reader gets; pieces of one text count as one. */
function eventsOf(records: readonly JournalRecord[], cancelled: boolean): string[] {
  const events: string[] = [];
  let text = "";
  records.forEach(({ e, d }, i) => {
    text += typeof d["delta"] === "string" ? d["delta"] : "";
    if (records[i + 1]?.e === e && typeof d["delta"] === "string") return;
    const { code, message, item, response } = d as Record<string, Record<string, unknown>>;
    const item_ = item && [item["name"], item["status"], item["output"]];
    const ended = response && [response["status"], response["stop_reason"], response["output"]];
    // How much came before a cancel is a matter of chance.
    events.push(JSON.stringify([e, cancelled ? "" : text, code, message, item_, ended]));
    text = "";
  });
  return events;
}

/** What the model's server can tell of a request. */
function requestOf({ method, path, status, ending, headers, body }: LoggedRequest): unknown {
  const told = Object.entries(headers)
    .filter(([name]) =>
      /^(?:anthropic-|x-(?!claude-code-session|client-request)|user-agent|authorization|content-type)/
        .test(name)
    )
    .sort(([a], [b]) => a < b ? -1 : 1);
  return { method, path, status, ending, told, stream: body?.stream, model: body?.model };
}
