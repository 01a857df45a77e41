/** What the agents' runtimes, and those who find or serve them, have in common. */
export {
  type Candidate,
  configuredPath,
  ensureProgram,
  findProgram,
  type FoundProgram,
  installProgram,
  listPrograms,
  type Places,
} from "./discovery.ts";
export { LineSplitter } from "./lines.ts";
export { type AgentProgram, compareVersions } from "./program.ts";
export { resolveSecret } from "./secrets.ts";
