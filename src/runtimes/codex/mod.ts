/** Codex as a runtime: what to start, how to talk to it, what its messages mean. */
export { codex } from "./runtime.ts";
