/** Times the hub waits, in milliseconds; tests shorten them. */
export interface HubTimings {
  /** A device that lost its connection keeps its tasks this long. @default 30000 */
  reconnectWindowMs: number;
  /** A device that gives no sign of life for so long counts as lost. @default 90000 */
  onlineExpiryMs: number;
  /** After a registration a device has this long to speak of its tasks. @default 10000 */
  reconcileGraceMs: number;
  /** A device has this long to confirm a cancel. @default 15000 */
  cancelConfirmMs: number;
  /** Wait for the acknowledgement of `task:execute`. @default 5000 */
  executeAckMs: number;
  /** Wait for the acknowledgement of `task:answer` and `task:steer`. @default 5000 */
  answerAckMs: number;
  /** A message to a running turn that was refused is handed over again after this. @default 1000 */
  steerRetryMs: number;
  /** Wait for the answer of `device:open_directory`. @default 10000 */
  openDirectoryMs: number;
}

export const DEFAULT_TIMINGS: HubTimings = {
  reconnectWindowMs: 30_000,
  onlineExpiryMs: 90_000,
  reconcileGraceMs: 10_000,
  cancelConfirmMs: 15_000,
  executeAckMs: 5_000,
  answerAckMs: 5_000,
  steerRetryMs: 1_000,
  openDirectoryMs: 10_000,
};
