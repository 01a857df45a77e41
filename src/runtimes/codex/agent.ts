/** Codex, as far as the rest of the program knows it. */
import type { ExecuteRequest } from "../../protocol/mod.ts";
import type { Agent } from "../agent.ts";
import { nativeProgram } from "./native_program.ts";
import { CODEX_MINIMUM, CODEX_PACKAGE, CODEX_VERSION, codexPackage } from "./release.ts";

type WithModel = Pick<ExecuteRequest, "model_config">;

/** See `../agent.ts`. */
export const codex = {
  name: "codex",
  label: "Codex",
  wire: {
    shell: "Codex",
    taskRuntime: "codex",
    localIdPrefix: "codex",
    sessionAgents: ["CodeX", "Codex"],
    sessionMember: "threadId",
  },
  preparation: { skills: false, instructionFiles: false },
  configDir: ".codex",
  stateDirs: ["sessions", "archived_sessions"],
  program: {
    name: "codex",
    label: "Codex",
    minimum: CODEX_MINIMUM,
    release: CODEX_VERSION,
    npmPackage: CODEX_PACKAGE,
    variables: ["CODEX_BINARY", "CODEX_BINARY_PATH", "CODEX_BIN"],
    setting: "codex_binary",
    // A `.cmd` cannot be started without a shell; npm's lies beside the package.
    files: Deno.build.os === "windows" ? ["codex.exe", "codex.cmd"] : ["codex"],
    homeDirs: [".local/bin", ".npm-global/bin", ".bun/bin", ".yarn/bin", "node_modules/.bin"],
    places: Deno.build.os === "darwin" ? ["/Applications/Codex.app/Contents/Resources/codex"] : [],
    package: codexPackage,
    programBehind: nativeProgram,
  },
  serves: isForCodex,
  claim,
  usesOwnLogin,
  load: async () => (await import("./runtime.ts")).codex,
} as const satisfies Agent;

/**
 * A model of OpenAI's Responses API. Source: the Wegent executor's rule; the bot's `shell_type` does not
 * count.
 */
function isForCodex({ model_config }: WithModel): boolean {
  const config = model_config ?? {};
  const is = (value: unknown, wanted: string) =>
    typeof value === "string" && value.trim().toLowerCase() === wanted;
  const responses = is(config["api_format"] || config["apiFormat"], "responses") ||
    is(config["protocol"], "openai-responses") || is(config["wire_api"], "responses");
  return is(config["model"], "openai") && responses;
}

/** Without a key it is the owner's own login. */
function claim(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const own = config["api_key"] ? {} : { runtime_config: { codex: { use_user_config: true } } };
  return { ...config, ...own, model: "openai", api_format: "responses" };
}

/** The request alone decides. */
export function usesOwnLogin({ model_config }: WithModel): boolean {
  const config = model_config ?? {};
  const runtimes = objectAt(config, "runtime_config") ?? objectAt(config, "runtimeConfig");
  const codex = runtimes && objectAt(runtimes, "codex");
  return Boolean(codex?.["use_user_config"]) && codex?.["configured"] !== false;
}

function objectAt(object: object, name: string): Record<string, unknown> | null {
  const value: unknown = Object.hasOwn(object, name) ? Reflect.get(object, name) : null;
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : null;
}
