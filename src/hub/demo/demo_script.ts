/** What the demo model answers: a few wishes known by pattern, honestly scripted, no AI. */
import { type ContentPart, type TextPart, type ToolUsePart } from "./messages_api.ts";
import type { ToolRound, Turn } from "./messages_request.ts";

/** How the demo model calls itself, in the page, in the terminal and in its answers. */
export const DEMO_NOTICE = "demo model: scripted answers, no AI";

/** What one request gets. */
export interface DemoAnswer {
  readonly parts: readonly ContentPart[];
  /** Pause between two chunks, in milliseconds. */
  readonly gapMs: number;
}

/** What the script may know of a request. */
export interface DemoScene extends Turn {
  /** The agent's name. */
  readonly agent: string;
  /** Working directory of the agent, when the request names it. */
  readonly cwd: string | undefined;
  /** Tools the agent offers. */
  readonly tools: ReadonlySet<string>;
  /** A fresh identifier for a tool call. */
  toolId(): string;
}

const GAP_MS = 20;
const SLOW_GAP_MS = 300;
const MAX_COUNT = 1000;
/** Longer tool output is cut in the summary; the tool block in the page has all of it. */
const MAX_QUOTED_UNITS = 2000;

const help = (agent: string) =>
  `This is the ${DEMO_NOTICE}.

It shows that everything between this page and the agent works: the real ${agent} runs on the ` +
  `device you picked and asks this scripted model what to do. Try one of these:

- create hello.txt with a greeting, then show it
- list files
- run uname -a
- count to 50 slowly (and cancel it)
- think about a plan
- what did I ask before?

For real answers, store a key in the settings or log in to ${agent} on the device.`;

/** Answers the present turn of a conversation. */
export function demoAnswer(scene: DemoScene): DemoAnswer {
  const prompt = scene.prompt.trim();
  const count = /\bcount (?:up )?to (\d{1,6})\b/i.exec(prompt);
  if (count) return counting(Number(count[1]), /slow/i.test(prompt));
  const run = /^\s*run[:\s]+`?([^\n`]+?)`?\s*$/im.exec(prompt);
  if (run?.[1]) return command(scene, run[1], `Run ${run[1]}`);
  const file = /\b(?:create|make|write)\b[^\n]*?([\w-][\w.-]*\.\w{1,8})\b/i
    .exec(prompt);
  if (file?.[1]) return createFile(scene, file[1]);
  if (/\b(?:list|show)\b.{0,20}\bfiles\b|^ls$/i.test(prompt)) {
    return command(scene, "ls -la", "List the files here");
  }
  if (
    /\bwhat did i\b|\bdo you remember\b|\bask(?:ed)? before\b/i.test(prompt)
  ) {
    return said(remembered(scene.earlier));
  }
  if (/\bthink\b/i.test(prompt)) return thinking();
  return said(help(scene.agent));
}

/** Splits text after its words, so that it streams at about a reader's pace. */
export function words(text: string): TextPart {
  return { type: "text", chunks: text.match(/\s*\S+\s*$|\s*\S+/g) ?? [text] };
}

function said(text: string): DemoAnswer {
  return { parts: [words(text)], gapMs: GAP_MS };
}

function counting(wanted: number, slowly: boolean): DemoAnswer {
  const last = Math.min(Math.max(wanted, 1), MAX_COUNT);
  const chunks = Array.from({ length: last }, (_, i) => `${i + 1} `);
  const lead = last < wanted ? `I stop at ${MAX_COUNT}.\n\n` : "";
  return {
    parts: [{ type: "text", chunks: lead ? [lead, ...chunks] : chunks }],
    gapMs: slowly ? SLOW_GAP_MS : GAP_MS,
  };
}

function thinking(): DemoAnswer {
  const thought = "This is where a model would reason. " +
    "The demo model has nothing to reason with, so it says so.";
  return {
    parts: [
      { type: "thinking", chunks: words(thought).chunks },
      words(
        `The block above is streamed as reasoning (${DEMO_NOTICE}).`,
      ),
    ],
    gapMs: GAP_MS,
  };
}

function remembered(earlier: readonly string[]): string {
  if (earlier.length === 0) {
    return "This is the first thing you asked in this conversation.";
  }
  const list = earlier.slice(-20).map((text) => `- ${withoutHints(text).slice(0, 200)}`);
  return `Earlier in this conversation you asked:\n\n${list.join("\n")}`;
}

/** Writes a file; reads it first when Claude Code insists on that; shows it when asked to. */
function createFile(scene: DemoScene, name: string): DemoAnswer {
  const last = scene.rounds.at(-1);
  const show = /\b(?:show|cat|print|display|read)\b/i.test(scene.prompt);
  if (last === undefined || (last.name === "Read" && !last.failed)) {
    return call(scene, `I create ${name}.`, writing(scene, name));
  }
  if (last.name === "Write" && last.failed && /read/i.test(last.output)) {
    return call(scene, "The file exists already, so I read it first.", {
      name: "Read",
      input: { file_path: last.input["file_path"] },
    });
  }
  if (last.failed || !show || shown(last)) return said(summary(name, last));
  return call(scene, "Now I show it.", {
    name: "Bash",
    input: { command: `cat ${name}`, description: `Show ${name}` },
  });
}

function shown(round: ToolRound): boolean {
  return round.name === "Bash" &&
    String(round.input["command"]).startsWith("cat ");
}

function writing(
  { cwd, prompt }: DemoScene,
  name: string,
): Pick<ToolUsePart, "name" | "input"> {
  const content = `${fileContent(prompt)}\n`;
  if (cwd !== undefined) {
    const slash = cwd.includes("\\") ? "\\" : "/";
    const file_path = cwd.replace(/[\\/]+$/, "") + slash + name;
    return { name: "Write", input: { file_path, content } };
  }
  const quoted = content.trimEnd().replaceAll("'", `'\\''`);
  return {
    name: "Bash",
    input: {
      command: `printf '%s\\n' '${quoted}' > ${name}`,
      description: `Create ${name}`,
    },
  };
}

function fileContent(prompt: string): string {
  const quoted = /["“]([^"”\n]{1,500})["”]/.exec(prompt);
  if (quoted?.[1]) return quoted[1];
  return /greet|hello|\bhi\b/i.test(prompt)
    ? "Hello! Nice to meet you."
    : "Written by the demo model.";
}

function summary(name: string, last: ToolRound): string {
  if (last.failed) return failure(last);
  if (!shown(last)) return `Done: ${name} is there (${DEMO_NOTICE}).`;
  return `Done: ${name} is there, and this is what it says:\n\n` +
    `${fenced(last.output)}\n\n(${DEMO_NOTICE})`;
}

function command(
  scene: DemoScene,
  line: string,
  description: string,
): DemoAnswer {
  const last = scene.rounds.at(-1);
  if (last === undefined) {
    const input = { command: line, description: description.slice(0, 100) };
    return call(scene, "I run it in the working directory.", {
      name: "Bash",
      input,
    });
  }
  if (last.failed) return said(failure(last));
  return said(
    last.output.trim() === ""
      ? "The command ended without output."
      : `The command says:\n\n${fenced(last.output)}`,
  );
}

function call(
  scene: DemoScene,
  lead: string,
  tool: Pick<ToolUsePart, "name" | "input">,
): DemoAnswer {
  if (!scene.tools.has(tool.name)) {
    return said(
      `I would call the tool "${tool.name}" now, but this agent does not offer it.`,
    );
  }
  return {
    parts: [words(lead), { type: "tool_use", id: scene.toolId(), ...tool }],
    gapMs: GAP_MS,
  };
}

function failure(round: ToolRound): string {
  return `The tool "${round.name}" failed:\n\n${fenced(round.output)}`;
}

function fenced(output: string): string {
  const text = output.trimEnd();
  const shownText = text.length > MAX_QUOTED_UNITS ? `${text.slice(0, MAX_QUOTED_UNITS)}\n…` : text;
  return "```\n" + shownText + "\n```";
}

/** A prompt without the lines the executor adds for the agent. */
export function withoutHints(prompt: string): string {
  return prompt.replace(/^<attachment>$[^]*?^<\/attachment>$/gm, "")
    .replace(/^Current working directory:.*$/gim, "").trim();
}
