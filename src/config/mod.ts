/** Configuration: the file, the environment, precedence and paths. */
export { configFile, PROJECT_MODES, readConfigFile, writeConfigFile } from "./config_file.ts";
export type { ConfigFile, ProjectMode } from "./config_file.ts";
export { configPath, executorHome, loadSettings, normalizeToken } from "./device_config.ts";
export type { ConfigSources, Settings } from "./device_config.ts";
export { expandHome, homePaths } from "./paths.ts";
export type { HomePaths } from "./paths.ts";
export { usableRoots } from "./roots.ts";
export type { RefusedRoot, Roots } from "./roots.ts";
