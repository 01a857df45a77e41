/** A tool call: name, what it was asked, what came of it. */
import { useState } from "preact/hooks";
import type { BlockView } from "../../protocol/mod.ts";

/** Longest text drawn at once; the rest is a click away. */
const MAX_UNITS = 20_000;

const STATUS: Readonly<Record<BlockView["status"], { sign: string; text: string }>> = {
  streaming: { sign: "", text: "running" },
  generating_arguments: { sign: "", text: "preparing" },
  pending: { sign: "", text: "running" },
  done: { sign: "✓", text: "done" },
  error: { sign: "✕", text: "failed" },
};

export function ToolBlock({ block }: { block: BlockView }) {
  const [open, setOpen] = useState(false);
  const { sign, text } = STATUS[block.status];
  const brief = summary(block.tool_input);
  return (
    <details
      class={`tool ${block.status}`}
      data-testid="tool-block"
      data-tool={block.tool_name}
      data-status={block.status}
      open={open}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <span class="sign" role="img" aria-label={text} title={text}>
          {sign || <span class="spinner" />}
        </span>
        <span class="name">{block.tool_name ?? "tool"}</span>
        <span class="brief">{brief}</span>
      </summary>
      {open && (
        <div class="body">
          <h3>Arguments</h3>
          <Long text={pretty(block.tool_input)} testid="tool-arguments" />
          {block.tool_output !== undefined && (
            <>
              <h3>Output</h3>
              <Long text={block.tool_output || "(no output)"} testid="tool-output" />
            </>
          )}
        </div>
      )}
    </details>
  );
}

function Long({ text, testid }: { text: string; testid: string }) {
  const [all, setAll] = useState(false);
  const cut = !all && text.length > MAX_UNITS;
  return (
    <>
      <pre data-testid={testid} tabIndex={0}>{cut ? text.slice(0, MAX_UNITS) : text}</pre>
      {cut && (
        <button type="button" class="link" onClick={() => setAll(true)}>
          Show all ({Math.round(text.length / 1000)} thousand characters)
        </button>
      )}
    </>
  );
}

/** The argument that says most, on one line. */
function summary(input: unknown): string {
  if (typeof input === "string") return input.slice(0, 200);
  if (typeof input !== "object" || input === null) return "";
  const record = input as Record<string, unknown>;
  const known = [
    "command",
    "file_path",
    "path",
    "pattern",
    "query",
    "url",
    "description",
    "prompt",
  ];
  const key = known.find((k) => typeof record[k] === "string") ??
    Object.keys(record).find((k) => typeof record[k] === "string");
  return key ? String(record[key]).replaceAll(/\s+/g, " ").slice(0, 200) : "";
}

function pretty(input: unknown): string {
  if (typeof input === "string") return input;
  return JSON.stringify(input ?? {}, null, 2);
}
