/** All attacks, by what they go for. */
import type { Attack } from "./attack.ts";
import { PATHS, PLACES, SWAPS } from "./cases_directory.ts";
import { IN_A_ROOT, SECRETS, START_FILES, WRITES } from "./cases_files.ts";
import { GIT_CASES } from "./cases_git.ts";
import { OPEN, POWERS, PROCESSES } from "./cases_process.ts";
import { WORKER_CASES } from "./cases_worker.ts";

/** Attacks of one kind. */
export interface AttackGroup {
  readonly title: string;
  readonly attacks: readonly Attack[];
}

export const GROUPS: readonly AttackGroup[] = [
  { title: "Paths a session asks for", attacks: PATHS },
  { title: "Places inside the roots", attacks: PLACES },
  { title: "Swapped before the start, and variables", attacks: SWAPS },
  { title: "Writing outside", attacks: WRITES },
  { title: "Files that run later", attacks: [...START_FILES, ...IN_A_ROOT] },
  { title: "This program's state, secrets", attacks: SECRETS },
  { title: "Other processes", attacks: PROCESSES },
  { title: "Powers of root", attacks: POWERS },
  { title: "Repositories and archives", attacks: GIT_CASES },
  { title: "A hole in the device worker", attacks: WORKER_CASES },
  { title: "Not stopped", attacks: OPEN },
];

/** Every attack of every group. */
export const ATTACKS: readonly Attack[] = GROUPS.flatMap(({ attacks }) => attacks);
