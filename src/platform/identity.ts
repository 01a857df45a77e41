/** Who this device is: an id that stays the same over reinstallation, and a name for people. */
import { errorText } from "./errors.ts";

/** Effects of the id's derivation, so that it can be tested for every platform. */
export interface IdentitySeam {
  readonly os: typeof Deno.build.os;
  /** Text of a file, or null when it cannot be read. */
  readFile(path: string): string | null;
  /** Standard output of a command, or null when it fails or takes longer than 5 s. */
  run(command: string, args: string[]): Promise<string | null>;
  /** Hardware addresses of the network interfaces. */
  macAddresses(): string[];
  randomUUID(): string;
}

/**
 * Derives the device id: `hw-` and 12 hex digits of the platform's hardware id, else `mac-` and the
 * first hardware address, else `uuid-` and 12 random hex digits.
 *
 * @param salt Mixed in when not empty, so that two installations on one machine get two ids.
 */
export async function deriveDeviceId(
  salt: string,
  seam: IdentitySeam = systemSeam,
): Promise<string> {
  const hardware = await hardwareId(seam);
  if (hardware) {
    return `hw-${await shortHash(salt ? `${hardware}\n${salt}` : hardware)}`;
  }
  const mac = seam.macAddresses().map((a) => a.replaceAll(":", "").toLowerCase()).find((a) =>
    // An invented address has the multicast bit set; all zeros is the loopback interface.
    /^[0-9a-f]{12}$/.test(a) && a !== "000000000000" &&
    (parseInt(a.slice(0, 2), 16) & 1) === 0
  );
  if (mac) return `mac-${salt ? await shortHash(`${mac}\n${salt}`) : mac}`;
  return `uuid-${seam.randomUUID().replaceAll("-", "").slice(0, 12)}`;
}

async function hardwareId(seam: IdentitySeam): Promise<string | null> {
  switch (seam.os) {
    case "darwin": {
      const out = await seam.run("/usr/sbin/ioreg", [
        "-rd1",
        "-c",
        "IOPlatformExpertDevice",
      ]);
      return out?.match(/"IOPlatformUUID"\s*=\s*"([^"]+)"/)?.[1] ?? null;
    }
    case "windows": {
      const key = "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography";
      const out = await seam.run("reg", ["query", key, "/v", "MachineGuid"]);
      return out?.match(/MachineGuid\s+REG_SZ\s+(\S+)/)?.[1] ?? null;
    }
    default:
      for (const path of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
        const id = seam.readFile(path)?.trim();
        if (id) return id;
      }
      return null;
  }
}

async function shortHash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(text),
  );
  return Array.from(
    new Uint8Array(digest, 0, 6),
    (b) => b.toString(16).padStart(2, "0"),
  ).join("");
}

/** Name of the device for people: `{system} - {hostname}`. */
export function defaultDeviceName(
  os = Deno.build.os,
  hostname = systemHostname(),
): string {
  const system = { darwin: "Darwin", windows: "Windows", linux: "Linux" }[os as string] ??
    os;
  return `${system} - ${hostname}`.slice(0, 100);
}

function systemHostname(): string {
  return Deno.hostname() || "localhost";
}

const systemSeam: IdentitySeam = {
  os: Deno.build.os,
  readFile(path) {
    try {
      return Deno.readTextFileSync(path);
    } catch (error) {
      // Containers often have no machine id; every other fault means the same here: none known.
      if (error instanceof Error) return null;
      throw error;
    }
  },
  async run(command, args) {
    try {
      const { success, stdout } = await new Deno.Command(command, {
        args,
        stdin: "null",
        stderr: "null",
        signal: AbortSignal.timeout(5000),
      }).output();
      return success ? new TextDecoder().decode(stdout) : null;
    } catch (error) {
      if (
        error instanceof Deno.errors.NotFound || /abort/i.test(errorText(error))
      ) return null;
      throw error;
    }
  },
  macAddresses: () => Deno.networkInterfaces().map((i) => i.mac ?? ""),
  randomUUID: () => crypto.randomUUID(),
};
