/**
 * Certificates to trust beside the built-in list. The runtime reads its own variables only at start
 * and ignores `NODE_EXTRA_CA_CERTS`, so a company's authority is found here and passed on by hand.
 */
import { readTextIfExists } from "./files.ts";

/** Where Linux distributions and BSDs keep the system's bundle. */
const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
const MAX_BUNDLE_CHARS = 8 * 1024 * 1024;

/** PEM texts: `SSL_CERT_FILE` or else the system's bundle, and `NODE_EXTRA_CA_CERTS`, `DENO_CERT`. */
export function trustedCertificates(
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const first = env["SSL_CERT_FILE"] ? [env["SSL_CERT_FILE"]] : SYSTEM_BUNDLES;
  const system = first.map(readTextIfExists).find((text) => text !== null);
  const extra = [env["NODE_EXTRA_CA_CERTS"], env["DENO_CERT"]]
    .filter((path) => path !== undefined && path !== "" && path !== env["SSL_CERT_FILE"])
    .map((path) => readTextIfExists(path!));
  const texts = [system, ...extra].filter((text) => typeof text === "string");
  return [...new Set(texts)].filter((t) =>
    t.includes("BEGIN CERTIFICATE") && t.length <= MAX_BUNDLE_CHARS
  );
}
