/** Transcripts in the database: blocks, and the pieces of text that have arrived so far. */
import type { BlockView } from "../../protocol/mod.ts";
import { type BlockChange, contentOf, Transcript } from "../transcript.ts";
import type { Database } from "./database.ts";
import { decodeText, encodeText, type StoredText } from "./text.ts";

interface BlockRow {
  idx: number;
  block_id: string;
  type: BlockView["type"];
  status: BlockView["status"];
  timestamp: number;
  tool_name: string | null;
  tool_input: string | null;
  tool_output: StoredText | null;
  question: string | null;
  content: StoredText;
}

/** Reads and writes the transcript of a dispatch. */
export class RunStore {
  constructor(private readonly db: Database) {}

  /** The transcript of `dispatchId` as stored. */
  load(dispatchId: number): Transcript {
    const parts = new Map<number, string[]>();
    const rows = this.db.all<{ idx: number; content: StoredText }>(
      "SELECT idx, content FROM block_parts WHERE dispatch_id = ? ORDER BY idx, id",
      dispatchId,
    );
    for (const { idx, content } of rows) {
      const known = parts.get(idx);
      if (known) known.push(decodeText(content));
      else parts.set(idx, [decodeText(content)]);
    }
    const transcript = new Transcript();
    for (
      const row of this.db.all<BlockRow>(
        "SELECT * FROM blocks WHERE dispatch_id = ? ORDER BY idx",
        dispatchId,
      )
    ) {
      transcript.restore(
        viewOf(row, decodeText(row.content) + (parts.get(row.idx) ?? []).join("")),
      );
    }
    return transcript;
  }

  /** Stores what changed. Runs inside the caller's transaction. */
  save(dispatchId: number, changes: readonly BlockChange[]): void {
    for (const change of changes) {
      const { block } = change;
      if (change.created) this.#insert(dispatchId, block.index, block.view);
      else if (change.changed.size > 0) {
        this.#update(dispatchId, block.index, block.view);
      }
      if (change.appended) {
        this.db.run(
          "INSERT INTO block_parts (dispatch_id, idx, content) VALUES (?, ?, ?)",
          dispatchId,
          block.index,
          encodeText(change.appended),
        );
      }
    }
  }

  /** The run has ended: joins the pieces. Runs inside the caller's transaction. */
  consolidate(dispatchId: number, transcript: Transcript): void {
    for (const block of transcript.blocks) {
      if (block.view.type === "tool") continue;
      this.db.run(
        "UPDATE blocks SET content = ? WHERE dispatch_id = ? AND idx = ?",
        encodeText(contentOf(block)),
        dispatchId,
        block.index,
      );
    }
    this.db.run("DELETE FROM block_parts WHERE dispatch_id = ?", dispatchId);
  }

  #insert(dispatchId: number, index: number, view: BlockView): void {
    this.db.run(
      `INSERT INTO blocks (dispatch_id, idx, block_id, type, status, timestamp, tool_name, tool_input,
         tool_output, question) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      dispatchId,
      index,
      view.id,
      view.type,
      view.status,
      view.timestamp,
      view.tool_name ?? null,
      inputText(view),
      view.tool_output === undefined ? null : encodeText(view.tool_output),
      questionText(view),
    );
  }

  #update(dispatchId: number, index: number, view: BlockView): void {
    this.db.run(
      `UPDATE blocks SET status = ?, tool_name = ?, tool_input = ?, tool_output = ?, question = ?
         WHERE dispatch_id = ? AND idx = ?`,
      view.status,
      view.tool_name ?? null,
      inputText(view),
      view.tool_output === undefined ? null : encodeText(view.tool_output),
      questionText(view),
      dispatchId,
      index,
    );
  }
}

function inputText(view: BlockView): string | null {
  return view.tool_input === undefined ? null : JSON.stringify(view.tool_input) ?? null;
}

function questionText(view: BlockView): string | null {
  return view.question ? JSON.stringify(view.question) : null;
}

function viewOf(row: BlockRow, content: string): BlockView {
  const view: BlockView = {
    id: row.block_id,
    type: row.type,
    status: row.status,
    timestamp: row.timestamp,
  };
  if (row.type !== "tool") return { ...view, content };
  return {
    ...view,
    tool_use_id: row.block_id,
    tool_name: row.tool_name ?? "tool",
    tool_input: row.tool_input === null ? {} : JSON.parse(row.tool_input),
    ...(row.tool_output !== null && {
      tool_output: decodeText(row.tool_output),
    }),
    ...(row.question !== null && { question: JSON.parse(row.question) }),
  };
}
