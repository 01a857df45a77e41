/**
 * What a Wegent backend keeps of turns: text deltas appended without looking at offsets, the status the
 * last terminal event gave, tool blocks by id. With sequence numbers it drops what it has already.
 */
import { z } from "zod";

export type TurnStatus = "RUNNING" | "COMPLETED" | "CANCELLED" | "FAILED";

/** A tool block. */
export interface StubTool {
  readonly name: string;
  arguments: string;
  status: string;
  output: string;
}

/** One turn (subtask) as the backend sees it. */
export interface StubTurn {
  readonly taskId: number;
  readonly subtaskId: number;
  status: TurnStatus;
  /** Text appended since dispatch or since the last terminal event. */
  text: string;
  reasoning: string;
  /** Final text of the last `response.completed`. */
  finalText: string;
  /** Message of the last `error` event, or the backend's own reason. */
  error: string;
  readonly tools: Map<string, StubTool>;
  /** Every terminal event that was applied, in order: name and data. */
  readonly terminals: { event: string; data: Record<string, unknown> }[];
  /** Milliseconds since the epoch. */
  readonly dispatchedAt: number;
  firstEventAt: number;
  lastEventAt: number;
  /** The next text starts afresh. */
  cleared: boolean;
}

const TERMINAL: Readonly<Record<string, TurnStatus>> = {
  "response.completed": "COMPLETED",
  "response.incomplete": "CANCELLED",
  error: "FAILED",
};

/** Whether an event ends a turn. */
export function isTerminal(event: string): boolean {
  return event in TERMINAL;
}

const deltaData = z.looseObject({ delta: z.string().nullish() });
const toolData = z.looseObject({
  call_id: z.string().optional(),
  item_id: z.string().optional(),
  arguments: z.string().optional(),
  item: z.looseObject({
    type: z.string().optional(),
    id: z.string().optional(),
    call_id: z.string().optional(),
    name: z.string().optional(),
    status: z.string().optional(),
    output: z.unknown().optional(),
  }).optional(),
});
const completedData = z.looseObject({
  response: z.looseObject({
    output: z.array(z.looseObject({
      content: z.array(z.looseObject({ text: z.string().optional() }))
        .optional(),
    })).optional(),
  }),
});

/** A fresh turn in state RUNNING. */
export function newTurn(taskId: number, subtaskId: number): StubTurn {
  return {
    taskId,
    subtaskId,
    status: "RUNNING",
    text: "",
    reasoning: "",
    finalText: "",
    error: "",
    tools: new Map(),
    terminals: [],
    dispatchedAt: Date.now(),
    firstEventAt: 0,
    lastEventAt: 0,
    cleared: false,
  };
}

/**
 * Applies one event as the backend does.
 *
 * @throws {Error} Where the backend's handler raises; its ack is then an error.
 */
export function applyEvent(
  turn: StubTurn,
  event: string,
  data: Record<string, unknown>,
): void {
  turn.lastEventAt = Date.now();
  turn.firstEventAt ||= turn.lastEventAt;
  const terminal = TERMINAL[event];
  if (terminal !== undefined) return endTurn(turn, event, terminal, data);
  switch (event) {
    case "response.output_text.delta":
      if (turn.cleared) turn.text = "";
      turn.cleared = false;
      turn.text += deltaData.parse(data).delta ?? "";
      break;
    case "response.reasoning_summary_text.delta":
      turn.reasoning += deltaData.parse(data).delta ?? "";
      break;
    case "response.output_item.added":
    case "response.output_item.done":
    case "response.function_call_arguments.delta":
    case "response.function_call_arguments.done":
      applyTool(turn, event, data);
      break;
  }
}

function endTurn(
  turn: StubTurn,
  event: string,
  status: TurnStatus,
  data: Record<string, unknown>,
): void {
  if (event === "response.completed") {
    const { output = [] } = completedData.parse(data).response;
    turn.finalText = output.flatMap(({ content = [] }) => content)
      .map(({ text = "" }) => text).join("");
  }
  if (event === "error") turn.error = String(data["message"] ?? "Unknown error");
  turn.status = status;
  turn.terminals.push({ event, data });
  turn.cleared = true;
}

function applyTool(
  turn: StubTurn,
  event: string,
  data: Record<string, unknown>,
): void {
  const parsed = toolData.parse(data);
  const { item } = parsed;
  const kinds = ["function_call", "mcp_call", "shell_call"];
  if (item && !kinds.includes(item.type ?? "")) return;
  const id = item?.call_id || item?.id || parsed.call_id || parsed.item_id;
  if (!id) throw new Error("Tool event without an id");
  if (event === "response.output_item.added") {
    if (!item?.name) throw new Error("Tool item without a name");
    turn.tools.set(id, {
      name: item.name,
      arguments: "",
      status: "pending",
      output: "",
    });
    return;
  }
  const tool = turn.tools.get(id);
  // Shown by the page at best, stored nowhere.
  if (tool === undefined) return;
  if (event === "response.output_item.done") {
    tool.status = item?.status === "failed" ? "failed" : "done";
    tool.output = String(item?.output ?? "");
  } else if (parsed.arguments !== undefined) tool.arguments = parsed.arguments;
}

/** Sequence numbers by session, for servers with the feature `seq`. */
export class SequenceLedger {
  #last = new Map<string, number>();
  #ended = new Set<string>();

  /** What is to become of an event: applied, already there, or too early. */
  judge(session: string, seq: number): "next" | "duplicate" | "gap" {
    const last = this.last(session);
    if (seq <= last) return "duplicate";
    return seq === last + 1 ? "next" : "gap";
  }

  /** Notes an applied event. */
  note(session: string, seq: number, terminal: boolean): void {
    this.#last.set(session, seq);
    if (terminal) this.#ended.add(session);
  }

  /** Highest number without gaps. */
  last(session: string): number {
    return this.#last.get(session) ?? 0;
  }

  /** `last_seq` of a registration: sessions that have not ended. */
  live(): Record<string, number> {
    return Object.fromEntries(
      [...this.#last].filter(([session]) => !this.#ended.has(session)),
    );
  }
}
