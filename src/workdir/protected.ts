/**
 * Places no session works in, whatever the allow list says: they hold credentials, programs that run
 * unsandboxed later, or the system itself.
 */
import { join } from "../platform/std/path.ts";

/** Below the owner's home: logins, keys, browser profiles, and what agents read as their own settings. */
const IN_HOME: readonly string[] = [
  ".ssh",
  ".gnupg",
  ".aws",
  ".azure",
  ".kube",
  ".docker",
  ".config/gcloud",
  ".config/gh",
  ".claude",
  ".codex",
  ".agents",
  ".password-store",
  ".local/share/keyrings",
  ".mozilla",
  ".config/google-chrome",
  ".config/chromium",
  ".config/BraveSoftware",
  ".config/microsoft-edge",
  ".config/autostart",
  ".config/systemd",
];

const IN_HOME_MAC: readonly string[] = ["Library"];
const IN_HOME_WINDOWS: readonly string[] = ["AppData"];

/** Trees of the system. A root that its owner set up inside one of them counts all the same. */
const SYSTEM: readonly string[] = [
  "/bin",
  "/boot",
  "/dev",
  "/etc",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
  "/lost+found",
  "/proc",
  "/run",
  "/sbin",
  "/sys",
  "/usr",
  "/var",
];
const SYSTEM_MAC: readonly string[] = [
  "/Applications",
  "/Library",
  "/System",
  "/private/etc",
  "/private/var",
];
const SYSTEM_WINDOWS: readonly string[] = [
  "C:\\Windows",
  "C:\\Program Files",
  "C:\\Program Files (x86)",
  "C:\\ProgramData",
];

/** Directories protected with all that lies below them. */
export interface ProtectedPlaces {
  /** Never a working directory. */
  readonly always: readonly string[];
  /** Only inside a root that lies below one of them. */
  readonly system: readonly string[];
}

/** The protected places of an owner with this home on this system. Pure. */
export function protectedPlaces(userHome: string, os = Deno.build.os): ProtectedPlaces {
  const more = os === "darwin" ? IN_HOME_MAC : os === "windows" ? IN_HOME_WINDOWS : [];
  const system = os === "darwin"
    ? [...SYSTEM, ...SYSTEM_MAC]
    : os === "windows"
    ? SYSTEM_WINDOWS
    : SYSTEM;
  return { always: [...IN_HOME, ...more].map((name) => join(userHome, name)), system };
}
