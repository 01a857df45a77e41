/** What differs by operating system, and the few things everything else needs. */
export { AppError, errorText, EXIT, toAppError } from "./errors.ts";
export type { AppErrorOptions, ErrorShape } from "./errors.ts";
export {
  ensurePrivateDir,
  exists,
  readTextIfExists,
  removeIfExists,
  writeFileAtomic,
} from "./files.ts";
export type { WriteOptions } from "./files.ts";
export { directoryUsable, makeDirectories } from "./directories.ts";
export { defaultDeviceName, deriveDeviceId } from "./identity.ts";
export type { IdentitySeam } from "./identity.ts";
export { LOG_LEVELS, Logger } from "./log.ts";
export type { LogFields, LoggerOptions, LogLevel } from "./log.ts";
export { processStartTime, sameProcessAlive, signalProcess } from "./process.ts";
export { moduleUrl, selfCommand, sourceRoots } from "./self.ts";
export { VERSION } from "./version.ts";
export { isLoopback, proxyFor } from "./proxy.ts";
export { trustedCertificates } from "./trust.ts";
export { takeFileLock, takeLock } from "./lock.ts";
export type { DaemonLock } from "./lock.ts";
export { countOpenFiles, listPids, memoryOf, procStat, readProc } from "./proc.ts";
export type { ProcStat } from "./proc.ts";
export { MARK_VARIABLE, sweepMarked } from "./marked.ts";
export { sendAtOnce } from "./no_delay.ts";
export { parseJson, sameSecret } from "./text.ts";
export { MaskStream, SECRET_MARK, SecretMasker } from "./secret_mask.ts";
export { isSecretHeader, isSecretName, secretIn, secretsInUrl } from "./secret_names.ts";
