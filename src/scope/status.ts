/** What the sandbox does on this machine, in words: for `status`, `permissions` and registration. */
import { landlockAbi } from "./landlock.ts";
import type { SandboxMode } from "./policy.ts";

/** State of the OS sandbox. */
export interface SandboxStatus {
  readonly mode: SandboxMode;
  /** `landlock`, or `none` where this program has no sandbox. */
  readonly kind: "landlock" | "none";
  /** The system could run it. */
  readonly available: boolean;
  /** Landlock's ABI; 0 when there is none. */
  readonly abi: number;
  /** Agents are really boxed. */
  readonly active: boolean;
  /** Agents may be started at all: false when the sandbox is required and missing. */
  readonly mayRun: boolean;
  /** Why it is active or not: one sentence without a full stop. */
  readonly reason: string;
  /** What it does not stop, one sentence each. */
  readonly limits: readonly string[];
}

/** Describes the sandbox for `mode`. Needs `--allow-ffi` on Linux. */
export function sandboxStatus(
  mode: SandboxMode,
  abi: number = landlockAbi(),
  os = Deno.build.os,
): SandboxStatus {
  const available = abi > 0;
  const active = available && mode !== "off";
  return {
    mode,
    kind: available ? "landlock" : "none",
    available,
    abi,
    active,
    mayRun: active || mode !== "required",
    reason: reason(mode, abi, os),
    limits: active ? limits(abi) : ["Agents have every right of the user this program runs as"],
  };
}

function reason(mode: SandboxMode, abi: number, os: string): string {
  if (mode === "off") return "Switched off by sandbox.mode";
  if (abi > 0) return `Landlock ABI ${abi} fences in agents and all their children`;
  const why = os === "linux"
    ? "The kernel has no Landlock (Linux 5.13 or later, enabled at boot)"
    : `There is no sandbox on ${os} yet`;
  return mode === "required"
    ? `${why}; it is required, so no agent is started`
    : `${why}; agents run without it`;
}

function limits(abi: number): string[] {
  const found = [
    "The network is open",
    "Unix sockets with a path (docker.sock, user bus, ssh-agent) can be reached by whoever may open them",
    "Names and sizes of files can be seen everywhere, also where contents cannot be read",
    "Command lines of other processes can be seen",
    "Mode, times and extended attributes of the user's own files can be changed anywhere",
    "Files in writable directories can be made setuid; one of root's makes any local user root",
    "Other terminals of the same user can be opened, and shared memory in /dev/shm",
    "A file that appears directly in a directory above our state cannot be read until the next session",
  ];
  if (abi < 2) found.push("Before ABI 2: files cannot be renamed or linked between directories");
  if (abi < 3) found.push("Before ABI 3: files outside can be truncated");
  if (abi < 5) found.push("Before ABI 5: device nodes that can be opened can be controlled");
  if (abi < 6) {
    found.push(
      "Before ABI 6: other processes of the user can be signalled, and abstract Unix sockets reached",
    );
  }
  return found;
}
