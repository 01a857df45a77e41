/** Working directories of sessions. */
export { insideRoots, resolveWorkdir } from "./resolve.ts";
export type { ResolvedWorkdir, WorkdirContext, WorkdirRequest } from "./resolve.ts";
export { decideWorkdir, workdirSeam } from "./decide.ts";
export type { WorkdirCode, WorkdirDecision, WorkdirSeam } from "./decide.ts";
