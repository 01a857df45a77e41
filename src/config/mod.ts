/** Configuration: the file, the environment, precedence and paths. */
export { expandHome, homePaths } from "./paths.ts";
export type { HomePaths } from "./paths.ts";
export {
  configFile,
  configPath,
  executorHome,
  loadSettings,
  normalizeToken,
  readConfigFile,
  writeConfigFile,
} from "./device_config.ts";
export type { ConfigFile, ConfigSources, Settings } from "./device_config.ts";
export { PROJECT_MODES } from "./device_config.ts";
export type { ProjectMode } from "./device_config.ts";
export type { RefusedRoot, Roots } from "./roots.ts";
export { usableRoots } from "./roots.ts";
