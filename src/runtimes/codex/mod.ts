/** Codex as a runtime: what to start, how to talk to it, what its messages mean. */
export { codex } from "./runtime.ts";
export { ensureCodex, findCodex, readCodexVersion } from "./discovery.ts";
export type { CodexDiscoveryOptions, CodexSource, FoundCodex } from "./discovery.ts";
export { installCodex } from "./install.ts";
export { CODEX_MINIMUM, CODEX_VERSION } from "./release.ts";
