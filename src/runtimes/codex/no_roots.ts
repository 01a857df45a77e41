/**
 * Codex reads and parses the certificates of the system anew at every turn, a third of the time until its
 * request goes out. One that speaks to this machine by plain HTTP only has no use for them.
 */
import { isLoopback } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";
import type { PlanFile } from "../runtime.ts";

/** Where Codex looks first; its commands must not. */
export const ROOTS_VARIABLE = "SSL_CERT_FILE";
/** Certificates somebody has chosen. */
const CHOSEN = [ROOTS_VARIABLE, "SSL_CERT_DIR", "CODEX_CA_CERTIFICATE"];

/** Codex wants at least one. This one was made for the purpose, has expired, and its key was never kept. */
const NOBODY = `-----BEGIN CERTIFICATE-----
MIIBkzCCATmgAwIBAgIUaLOK5q+84OP1YZ515SIetWygF2owCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUTm8gc2VydmVyIGlzIHRydXN0ZWQwHhcNMjYxMTI4MjEzODI1
WhcNMjYxMTI5MjEzODI1WjAfMR0wGwYDVQQDDBRObyBzZXJ2ZXIgaXMgdHJ1c3Rl
ZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCWO+LePyQ3ZVK8ClJr0uc1xEV7R
seSVAV/H/MaUC2nwi46xrh73dmPijnzCQ6WRKQmE1BEFn9O3sdGqV07rsTijUzBR
MB0GA1UdDgQWBBSKRUoLkpcdkTql3T21txBoqD/dhzAfBgNVHSMEGDAWgBSKRUoL
kpcdkTql3T21txBoqD/dhzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gA
MEUCIQDrV6d+62eM443Aqz95CnnYRL6Zc7Am0+FEL9nUkkNsagIgNQ44NsbPe9fT
a8Ql6FV0XFTu4G7B7oVoM5Em23ctirM=
-----END CERTIFICATE-----
`;

/**
 * Spares Codex the certificates of the system where nobody has chosen any and all it connects to is plain
 * and of this machine. Linux only: it has been tried nowhere else.
 *
 * @param env Gets the variable.
 * @param peers The model's server and those of tools. One that is a command would inherit the variable.
 * @returns The file to write, below `dir`; null when Codex needs the certificates.
 */
export function withoutRoots(
  env: Record<string, string>,
  peers: readonly Readonly<Record<string, unknown>>[],
  dir: string,
): PlanFile | null {
  if (Deno.build.os !== "linux" || CHOSEN.some((name) => env[name])) return null;
  const near = peers.every(({ url: address }) => {
    const url = typeof address === "string" ? URL.parse(address) : null;
    return url?.protocol === "http:" && isLoopback(url.hostname);
  });
  if (!near) return null;
  const path = join(dir, "no-roots.pem");
  env[ROOTS_VARIABLE] = path;
  return { path, text: NOBODY };
}
