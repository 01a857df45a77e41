/** Session hosts: the process that owns an agent, its journal, and the protocol to attach to it. */
export * from "./attach_protocol.ts";
export { JOURNAL_QUOTA_BYTES, JournalReader, JournalWriter } from "./journal.ts";
export type { JournalRecord, JournalTail } from "./journal.ts";
