/** What a session remembers of its agent's conversation, so that it can be resumed. */
import * as z from "zod";
import { parseJson, readTextIfExists, removeIfExists, writeFileAtomic } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import { type RuntimeName, RUNTIMES } from "../runtimes/mod.ts";

/** Content of `session.json`. The agent may write in that directory, so it is parsed with suspicion. */
const savedSession = z.object({
  version: z.literal(1),
  agent: z.enum(RUNTIMES),
  id: z.uuid(),
  /** The agent's default, as far as it is known. */
  model: z.string().max(200).nullable(),
  /** A conversation is found by these two; when one has changed it is another place. */
  workdir: z.string(),
  config_dir: z.string().nullable(),
});
export type SavedSession = z.infer<typeof savedSession>;

/** Where a conversation lives. */
export interface SessionPlace {
  readonly agent: RuntimeName;
  readonly workdir: string;
  readonly configDir: string | null;
}

/** The file of one session directory. */
export class SessionFile {
  readonly #path: string;
  #last = "";

  constructor(dir: string, private readonly place: SessionPlace) {
    this.#path = join(dir, "session.json");
  }

  /** The conversation to resume here, or null. */
  read(): SavedSession | null {
    const text = readTextIfExists(this.#path);
    if (text === null) return null;
    const parsed = savedSession.safeParse(parseJson(text));
    if (!parsed.success) return null;
    const { agent, workdir, config_dir } = parsed.data;
    const here = agent === this.place.agent && workdir === this.place.workdir &&
      config_dir === this.place.configDir;
    return here ? parsed.data : null;
  }

  /** Remembers conversation `id`; `model` null leaves the model as it was. */
  write(id: string, model: string | null): void {
    const before = this.read();
    const saved: SavedSession = {
      version: 1,
      agent: this.place.agent,
      id,
      model: model ?? (before?.id === id ? before.model : null),
      workdir: this.place.workdir,
      config_dir: this.place.configDir,
    };
    const parsed = savedSession.safeParse(saved);
    const text = JSON.stringify(saved);
    if (!parsed.success || text === this.#last) return;
    // The agent is about to ask its model: nobody waits for a disk here.
    writeFileAtomic(this.#path, text, { sync: false });
    this.#last = text;
  }

  clear(): void {
    this.#last = "";
    removeIfExists(this.#path);
  }
}
