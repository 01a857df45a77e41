/**
 * Secrets to plant, where they are found again, and what must be true of them whichever agent works. The
 * model says them: `⟦name⟧` in a script.
 */
import { exists } from "../../src/platform/mod.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { allProcesses, environmentOf } from "../support/processes.ts";
import { base64Around, formsOfSecret, searchTree } from "../support/secret_search.ts";
import { type ExecutionRequest, STUB_TOKEN } from "../support/stub_backend.ts";
import { type DeviceFixture, LONG, markedPids, until } from "./fixture.ts";

/** Each has characters that the usual encodings change. */
export const SECRETS = {
  api: `sk-ant-api03-Q+/7x"z~('w)=%&-0001`,
  task: "task/token+with=chars&0002",
  git: "glpat-Git~Token+/0003==",
  skill: "skill.identity+token/0004=",
  tenant: "tenant-header/secret+0005=",
  proxy: "proxy@pass/word+0006",
} as const;
type Name = keyof typeof SECRETS;

/** What the model can say of them: as they are, in JSON, in a URL, in base64 at three places. */
export const WORDS: Record<string, string> = {};
for (const [name, secret] of Object.entries(SECRETS)) {
  const [plain, json, url] = formsOfSecret(secret);
  Object.assign(WORDS, { [name]: plain, [`${name}Json`]: json, [`${name}Url`]: url });
  for (const before of [0, 1, 2]) WORDS[`${name}Base${before}`] = base64Around(secret, before);
}

/** Everything the model can say of the secrets. */
export const EVERYTHING = Object.keys(WORDS).map((name) => `${name} is ⟦${name}⟧;`).join(" ");

/** Texts of events, put together again as a reader sees them. */
function joined(
  events: readonly { event: string; data?: Readonly<Record<string, unknown>> | undefined }[],
): string {
  const lanes = new Map<string, string>();
  for (const { event, data } of events) {
    const lane = `${event} ${data?.["item_id"] ?? ""}`;
    if (typeof data?.["delta"] === "string") {
      lanes.set(lane, (lanes.get(lane) ?? "") + data["delta"]);
    }
  }
  return [...lanes.values()].join("\n");
}

/** Names of the secrets that are in `text`. */
export function leaks(text: string): Name[] {
  return (Object.keys(SECRETS) as Name[]).filter((name) =>
    formsOfSecret(SECRETS[name]).some((form) => text.includes(form))
  );
}

/** By variable: the secrets in it. */
export function holders(env: ReadonlyMap<string, string>): Record<string, Name[]> {
  return Object.fromEntries(
    [...env].map(([name, value]) => [name, leaks(value)] as const).filter(([, found]) =>
      found.length > 0
    ),
  );
}

/** Files of the requests that are kept. */
function requests(home: string): string[] {
  return [...Deno.readDirSync(`${home}/state/runs`)]
    .map(({ name }) => `${home}/state/runs/${name}/request.sealed`).filter((path) => exists(path));
}

/** Secrets no agent needs itself. */
const HIDDEN: readonly Name[] = ["api", "task", "tenant", "proxy"];

/** What a request brings of them whichever agent it is for. */
export const FIELDS = {
  auth_token: SECRETS.task,
  skill_identity_token: SECRETS.skill,
  user: {
    id: 1,
    name: "tester",
    git_domain: "git.example.com",
    git_token: SECRETS.git,
    git_login: "me",
  },
};

/** The proxy of the device's environment. */
export const PROXY = `http://me:${encodeURIComponent(SECRETS.proxy)}@127.0.0.1:9`;

/** A command that looks for them in every process and file, says in `here` that it has, and goes on. */
export const LOOK_AROUND =
  "for p in /proc/[0-9]*; do cat $p/environ $p/cmdline; done > dump 2>/dev/null; " +
  "cat ../../state/runs/*/request.* ../../device-config.json ../../run/*/* > files 2>&1; touch here; sleep 300";

/**
 * Runs a turn that says everything and another one whose tools do and which the model refuses, and finds no
 * secret in an event, a journal or a log.
 */
export async function assertNowhere(
  { backend, world, daemon }: DeviceFixture,
  turn: ExecutionRequest,
  refused: ExecutionRequest,
): Promise<void> {
  backend.execute(turn);
  const said = await backend.waitTerminal(turn.subtask_id, LONG);
  assertEquals(said.status, "COMPLETED", said.error);
  backend.execute(refused);
  const failed = await backend.waitTerminal(refused.subtask_id, LONG);
  assertEquals(failed.status, "FAILED");
  assertStringIncludes(failed.error, "bad *** *** ***");
  const events = [turn, refused].flatMap((t) => backend.eventsOf(t.subtask_id));
  const text = joined(events);
  assert(text.length > 500 && text.includes("***"), "the model has said something");
  const sent = JSON.stringify(events) + text;
  for (const [name, secret] of Object.entries(SECRETS)) {
    for (const form of formsOfSecret(secret)) assert(!sent.includes(form), `${name}: ${form}`);
  }
  await until(() => requests(world.executorHome).length === 0, "the requests' removal");
  assertEquals(leaks(daemon.lines.map((line) => line.text).join("\n")), []);
  // The agent's own record, and what it wrote, lie in the working directory: it said them there.
  const found = searchTree(world.root, SECRETS, (path) => path.startsWith(world.workspace));
  assertEquals(found, []);
  const records = searchTree(world.workspace, SECRETS);
  assert(records.some(({ path }) => path.endsWith(".jsonl")), "the search finds what is there");
}

/**
 * Runs a turn whose command is {@link LOOK_AROUND}, and finds that neither the agent nor the command has or
 * sees what it does not need.
 *
 * @param seen What the command must have seen.
 * @param look Further looks while it runs; gets the pids of the agent and of all it has started.
 */
export async function assertHidden(
  { backend, world }: DeviceFixture,
  turn: ExecutionRequest,
  seen: string,
  look: (marked: readonly number[]) => void,
): Promise<void> {
  backend.execute(turn);
  const dir = `${world.workspace}/${turn.task_id}`;
  await until(() => exists(`${dir}/here`), "the dump");
  const marked = markedPids(world);
  look(marked);
  for (const process of marked) {
    for (const names of Object.values(holders(environmentOf(process)))) {
      assertEquals(names.filter((name) => HIDDEN.includes(name)), []);
    }
  }
  assertEquals(leaks(allProcesses().map(({ command }) => command).join("\n")), []);
  const dump = new TextDecoder().decode(Deno.readFileSync(`${dir}/dump`));
  assertStringIncludes(dump, seen);
  assertEquals(leaks(dump).filter((name) => HIDDEN.includes(name)), []);
  assert(!dump.includes(STUB_TOKEN), "the device's token in another process");
  const files = Deno.readTextFileSync(`${dir}/files`);
  assertEquals([leaks(files), files.includes(STUB_TOKEN)], [[], false]);
  // What the request itself holds is encrypted while the turn runs.
  assert(requests(world.executorHome).length > 0);
  const found = searchTree(world.root, SECRETS).map(({ path }) => path);
  assertEquals(found.filter((path) => path !== `${dir}/dump`), []);
  backend.cancel({ taskId: turn.task_id, subtaskId: turn.subtask_id });
  await backend.waitTerminal(turn.subtask_id, LONG);
  await until(() => requests(world.executorHome).length === 0, "the request's removal");
  Deno.removeSync(`${dir}/dump`);
  assertEquals(searchTree(world.root, SECRETS), []);
}

/** The model's server did get the real ones. */
export function assertGiven(headers: Readonly<Record<string, string>> | undefined): void {
  assertEquals(headers?.["authorization"], `Bearer ${SECRETS.api}`);
  assertEquals(headers?.["x-tenant-key"], SECRETS.tenant);
}
