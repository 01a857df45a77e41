/** Finding and installing Codex, without the rest of its runtime. */
export { ensureCodex, findCodex, readCodexVersion } from "./codex/discovery.ts";
export type { CodexDiscoveryOptions, CodexSource, FoundCodex } from "./codex/discovery.ts";
export { installCodex, installedPath as installedCodex } from "./codex/install.ts";
export { CODEX_MINIMUM, CODEX_VERSION } from "./codex/release.ts";
