/**
 * Events a second that reach the backend and are acknowledged by it, in one turn of many small deltas:
 * host → journal → socket → backend in another process. Three sources, because the CLI is a limit.
 */
import { Device, requestTo } from "./_device.ts";
import { DirectCli } from "./_direct_cli.ts";
import { atLeast, type Figure, median, summary } from "./_figure.ts";
import { startFloodModel } from "./_flood_model.ts";
import { HostStandin } from "./_host_standin.ts";
import { NullDevice } from "./_null_device.ts";
import { Outside, type TurnTimes } from "./_outside.ts";
import { writeAgentStandin } from "./_agent_standin.ts";

const EVENTS = 50_000;
const RUNS = 5;
const GOAL = atLeast(10_000);

export async function* throughput(): AsyncGenerator<Figure> {
  const peer = { name: "bare Socket.IO client in one process", value: await bareClient() };
  const figure = { unit: "events/s", peer } as const;
  yield {
    ...figure,
    name: "throughput",
    goal: GOAL,
    ...summary(await throughHost()),
    note: "the agent is a stand-in that prints recorded stream-json; everything else is real",
  };
  yield {
    ...figure,
    name: "throughput.delivery",
    goal: GOAL,
    ...summary(await fromJournal()),
    note:
      "the host is a stand-in: a process that writes the journal and speaks the attach protocol",
  };
  yield await throughClaude();
}

/** From the first text to the end, so that no start counts. */
function rate({ texts, firstText, end }: TurnTimes): number {
  if (texts !== EVENTS) throw new Error(`${texts} deltas came, not ${EVENTS}`);
  return texts / (end - firstText) * 1000;
}

async function bareClient(): Promise<number> {
  await using outside = await Outside.start(true);
  using _ = await NullDevice.connect(outside.url);
  const runs: number[] = [];
  for (let i = 0; i < RUNS; i++) runs.push(rate(await outside.turn(requestTo("", String(EVENTS)))));
  return median(runs);
}

async function throughHost(): Promise<number[]> {
  const dir = await Deno.makeTempDir({ prefix: "agent-" });
  try {
    await using device = await Device.start({
      seq: true,
      agent: await writeAgentStandin(dir, EVENTS),
    });
    return await turns(device, "http://127.0.0.1:9");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function throughClaude(): Promise<Figure> {
  await using model = await startFloodModel(EVENTS);
  await using cli = await DirectCli.start(model.url);
  await cli.turn("Go on", true);
  const direct: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const { firstText, lastText } = await cli.turn("Go on", false);
    direct.push(EVENTS / (lastText - firstText) * 1000);
  }
  await using device = await Device.start({ seq: true });
  return {
    name: "throughput.claude",
    unit: "events/s",
    peer: { name: "the CLI by itself", value: median(direct) },
    ...summary(await turns(device, model.url)),
    note: "with the real Claude Code CLI",
  };
}

async function turns(device: Device, modelUrl: string): Promise<number[]> {
  const runs: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    runs.push(rate(await device.outside.turn(requestTo(modelUrl, "Go on", 1))));
  }
  return runs;
}

async function fromJournal(): Promise<number[]> {
  const runs: number[] = [];
  await using device = await Device.open({ seq: true });
  await using _ = await HostStandin.start(device.world, 1, EVENTS);
  await device.startDaemon();
  for (let i = 0; i < RUNS; i++) {
    runs.push(rate(await device.outside.turn(requestTo("http://127.0.0.1:9", "Go on", 1))));
  }
  return runs;
}
