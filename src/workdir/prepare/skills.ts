/**
 * Skills of a task: packages the server has, unpacked into the agent's own skills directory before it
 * starts. What is there already stays as it is; a skill that cannot be had is a note and no error.
 */
import * as z from "zod";
import { errorText, exists, removeIfExists } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";
import type { ExecuteRequest } from "../../protocol/mod.ts";

const FIND_MS = 30_000;
const DOWNLOAD_MS = 60_000;
/** Largest package, packed and unpacked, in bytes, and most files in it. */
const MAX_PACKED = 50 * 1024 * 1024;
const MAX_UNPACKED = 200 * 1024 * 1024;
const MAX_FILES = 5000;
const MAX_SKILLS = 100;

/** Names that are safe as a directory on any system. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Where skills come from and go. */
export interface SkillsJob {
  readonly request: ExecuteRequest;
  /** Absolute; made here when there is something to put into it. */
  readonly skillsDir: string;
  readonly downloadBase: string;
  readonly signal: AbortSignal;
}

const reference = z.looseObject({
  skill_id: z.union([z.number(), z.string()]).nullish(),
  id: z.union([z.number(), z.string()]).nullish(),
  namespace: z.string().nullish(),
});
const found = z.looseObject({
  items: z.array(z.looseObject({
    metadata: z.looseObject({
      namespace: z.string().nullish(),
      labels: z.looseObject({ id: z.union([z.number(), z.string()]) }),
    }),
  })),
});

/** A skill's place on the server. */
interface SkillPlace {
  readonly id: string;
  readonly namespace: string;
}

/** Names of the skills a request wants, each once, in order. Pure. */
export function wantedSkills(request: ExecuteRequest): string[] {
  const bots = request.mode === "coordinate" ? request.bot : request.bot.slice(0, 1);
  const lists = [
    ...bots.map((bot) => bot["skills"]),
    request["skill_names"],
    request["preload_skills"],
  ];
  const names = lists.flatMap((list) => Array.isArray(list) ? list : [])
    .filter((name): name is string => typeof name === "string" && NAME.test(name));
  return [...new Set(names)].slice(0, MAX_SKILLS);
}

/**
 * Fetches what is missing.
 *
 * @returns A sentence for each skill that could not be had.
 */
export async function fetchSkills(job: SkillsJob): Promise<string[]> {
  const { request, skillsDir, downloadBase } = job;
  const missing = wantedSkills(request).filter((name) => !exists(join(skillsDir, name)));
  if (missing.length === 0 || request.auth_token === "" || downloadBase === "") return [];
  const notes: string[] = [];
  for (const name of missing) {
    try {
      const place = placeIn(request, name) ?? await query(job, name);
      await install(job, name, await download(job, place));
    } catch (error) {
      if (job.signal.aborted) throw error;
      notes.push(`The skill "${name}" is not available: ${errorText(error)}.`);
    }
  }
  return notes;
}

/** What the request itself says of a skill. */
function placeIn(request: ExecuteRequest, name: string): SkillPlace | null {
  const configs = request["skill_configs"];
  const candidates = [
    member(request["preload_skill_refs"], name),
    member(request["skill_refs"], name),
    member(request.bot[0]?.["skill_refs"], name),
    Array.isArray(configs) ? configs.find((config) => member(config, "name") === name) : null,
  ];
  for (const candidate of candidates) {
    const { success, data } = reference.safeParse(candidate);
    const id = success ? data.skill_id ?? data.id : null;
    if (id !== null && id !== undefined && `${id}` !== "") {
      return { id: `${id}`, namespace: data?.namespace || teamNamespace(request) };
    }
  }
  return null;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : null;
}

function teamNamespace(request: ExecuteRequest): string {
  const namespace = request["team_namespace"];
  return typeof namespace === "string" && namespace !== "" ? namespace : "default";
}

async function query(job: SkillsJob, name: string): Promise<SkillPlace> {
  const namespace = teamNamespace(job.request);
  const task = String(job.request.task_id);
  const search = new URLSearchParams({ name, namespace, task_id: task });
  const response = await ask(job, `/api/v1/kinds/skills?${search}`, FIND_MS);
  const [item] = found.parse(JSON.parse(new TextDecoder().decode(response))).items;
  if (!item) throw new Error("the server does not know it");
  return {
    id: String(item.metadata.labels.id),
    namespace: item.metadata.namespace || namespace,
  };
}

async function download(job: SkillsJob, { id, namespace }: SkillPlace): Promise<Uint8Array> {
  const search = new URLSearchParams({ namespace, task_id: String(job.request.task_id) });
  const path = `/api/v1/kinds/skills/${encodeURIComponent(id)}/download?${search}`;
  return await ask(job, path, DOWNLOAD_MS);
}

async function ask(job: SkillsJob, path: string, ms: number): Promise<Uint8Array> {
  const response = await fetch(`${job.downloadBase.replace(/\/+$/, "")}${path}`, {
    headers: { authorization: `Bearer ${job.request.auth_token}` },
    // The token is for this server alone.
    redirect: "error",
    signal: AbortSignal.any([job.signal, AbortSignal.timeout(ms)]),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`HTTP ${response.status}`);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > MAX_PACKED) throw new Error(`it is larger than ${MAX_PACKED / 2 ** 20} MiB`);
    parts.push(part);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Unpacks the entries below `{name}/` beside their place and moves them there at once. */
async function install(
  { skillsDir }: SkillsJob,
  name: string,
  packed: Uint8Array,
): Promise<void> {
  // Loaded here: the program starts more often than a skill comes.
  const { unzipSync } = await import("fflate");
  let [files, bytes] = [0, 0];
  const entries = unzipSync(packed, {
    filter({ name: entry, originalSize }) {
      if (!entry.startsWith(`${name}/`) || entry.endsWith("/")) return false;
      if (/(^|\/)\.\.?(\/|$)|[\\\0]/.test(entry)) throw new Error(`it holds the name "${entry}"`);
      if (++files > MAX_FILES || (bytes += originalSize) > MAX_UNPACKED) {
        throw new Error("it is too large");
      }
      return true;
    },
  });
  if (files === 0) throw new Error(`its package has no directory "${name}"`);
  Deno.mkdirSync(skillsDir, { recursive: true, mode: 0o700 });
  const temp = join(skillsDir, `.${name}.${crypto.randomUUID().slice(0, 8)}`);
  try {
    for (const [entry, content] of Object.entries(entries)) {
      const path = join(temp, entry.slice(name.length + 1));
      Deno.mkdirSync(join(path, ".."), { recursive: true });
      Deno.writeFileSync(path, content, { createNew: true });
    }
    Deno.renameSync(temp, join(skillsDir, name));
  } finally {
    removeIfExists(temp, { recursive: true });
  }
}
