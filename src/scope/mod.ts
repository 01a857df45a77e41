/** Rights: where the allow list becomes a scope, a box, a policy, and a process that obeys it. */
export { type Access, type Box, type BoxRule, planBox } from "./box.ts";
export { buildPolicy, type PolicyInput } from "./build_policy.ts";
export { assertCommandEnv } from "./command_env.ts";
export { buildCommandPolicy, type CommandPolicyInput } from "./command_policy.ts";
export {
  launch,
  LAUNCH_COMMAND,
  LAUNCH_FAILED,
  launchArgs,
  type LaunchError,
  launchErrorOf,
  runLauncher,
} from "./launcher.ts";
export {
  deriveProgramScope,
  type ProgramPlaces,
  type ProgramScope,
  renderDenoFlags,
  shellLine,
} from "./flags.ts";
export { diskSeam, type FileSeam, isWithin, resolvePath } from "./paths.ts";
export {
  LAUNCH_KINDS,
  type LaunchKind,
  parsePolicy,
  type Policy,
  SANDBOX_MODES,
  type SandboxMode,
} from "./policy.ts";
export { type SandboxStatus, sandboxStatus } from "./status.ts";
export { deriveScope, renderWorkerPermissions, type Scope, type ScopeInput } from "./scope.ts";
export { soundRoots } from "./places.ts";
export { renderSeatbelt } from "./seatbelt.ts";
