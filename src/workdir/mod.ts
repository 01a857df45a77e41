/** Working directories of sessions. */
export { insideRoots, resolveWorkdir } from "./resolve.ts";
export type { ResolvedWorkdir, WorkdirContext, WorkdirRequest } from "./resolve.ts";
