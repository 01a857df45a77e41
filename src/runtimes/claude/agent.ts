/** Claude Code, as far as the rest of the program knows it. */
import type { Agent } from "../agent.ts";
import { loginEnd, ownerDirectory, RENEW_BEFORE_MS, RENEWAL } from "./owner_login.ts";
import { CLAUDE_MINIMUM, CLAUDE_PACKAGE, CLAUDE_VERSION, claudePackage } from "./release.ts";

const EXE = Deno.build.os === "windows" ? ".exe" : "";

/** See `../agent.ts`. */
export const claude = {
  name: "claude",
  label: "Claude Code",
  wire: {
    shell: "ClaudeCode",
    taskRuntime: "claude_code",
    localIdPrefix: "runtime",
    sessionAgents: ["ClaudeCode", "Claude Code"],
    sessionMember: "sessionId",
  },
  preparation: { skills: true, instructionFiles: true },
  configDir: ".claude",
  stateDirs: [
    "projects",
    "sessions",
    "session-env",
    "shell-snapshots",
    "tasks",
    "todos",
    "plans",
    "file-history",
  ],
  program: {
    name: "claude",
    label: "Claude Code",
    minimum: CLAUDE_MINIMUM,
    release: CLAUDE_VERSION,
    npmPackage: CLAUDE_PACKAGE,
    variables: ["CLAUDE_BINARY"],
    setting: "claude_binary",
    files: [`claude${EXE}`],
    homeDirs: [
      ".local/bin",
      ".claude/local",
      ".npm-global/bin",
      ".bun/bin",
      ".yarn/bin",
      "node_modules/.bin",
    ],
    package: claudePackage,
  },
  ownerLogin: {
    directory: ownerDirectory,
    expiresAt: loginEnd,
    renewBeforeMs: RENEW_BEFORE_MS,
    ...RENEWAL,
  },
  serves: () => true,
  claim: () => null,
  usesOwnLogin: ({ bot }) => Object.keys(bot[0]?.agent_config ?? {}).length === 0,
  load: async () => (await import("./runtime.ts")).claude,
} as const satisfies Agent;
