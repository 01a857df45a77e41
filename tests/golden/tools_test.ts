/** Tools: what a backend receives while an agent works. */
import { stdioServer } from "../support/mcp_server.ts";
import { assertEquals } from "../support/assert.ts";
import { callTool, say, script as claude } from "../support/model.ts";
import { script as codex } from "../support/responses_model.ts";
import { type Cast, type LiveTurn, Stage } from "./stage.ts";

const stage = new Stage();

const bash = (command: string) => ({ name: "Bash", input: { command } });
const shell = (cmd: string) => ({ name: "exec_command", input: { cmd } });
const MUCH = "head -c 50000000 /dev/zero | tr '\\0' x";
const overPipe = { mcp_servers: [{ name: "test", type: "stdio", ...stdioServer() }] };
const headers = { Authorization: "Bearer ${{task_token}}" };
const overHttp = ({ mcp }: Cast) => ({
  mcp_servers: [{ name: "test", type: "streamable-http", url: mcp.url, headers }],
});
/** Each request to the server over HTTP has brought the login of the task. */
const tokenWasSent = ({ cast: { mcp } }: LiveTurn) => {
  const tokens = mcp.headers.splice(0).map((given) => given.get("authorization"));
  assertEquals([...new Set(tokens)], ["Bearer task-token"]);
};
/** A command in the turn's directory waits for it. */
const makeFile = (name: string) => ({ workdir }: LiveTurn) =>
  Deno.writeTextFileSync(`${workdir}/${name}`, "");
/** The request names the device, so the turn's file changes are told. */
const named = ({ backend }: Cast) => ({ device_id: [...backend.devices.keys()][0] });

stage.test("arguments are streamed, the tool ends with its output, the offset goes on behind it", {
  golden: "claude/tool",
  prompt: claude(
    { text: "Looking 🔍. ", tools: [bash("printf '%s\\n' one two")] },
    say("Two lines."),
  ),
});
stage.test("a command is told whole, with a name for people, and text after it goes on", {
  golden: "codex/tool",
  prompt: codex({ text: "Looking 🔍.", tools: [shell("printf '%s\\n' one two")] }, {
    text: "Two lines.",
  }),
});

stage.test("tools at once keep their ids, and are counted as they end", {
  golden: "claude/parallel_tools",
  prompt: claude(
    {
      tools: [
        { name: "mcp__test__wait", input: { text: "a" } },
        { name: "mcp__test__go", input: { text: "b" } },
      ],
    },
    say("Both."),
  ),
  bot: overPipe,
});
stage.test("tools at once keep their ids, and are counted as they end", {
  golden: "codex/parallel_tools",
  prompt: codex(
    {
      tools: [
        { ...shell("until [ -e go-a ]; do sleep 0.05; done; echo a"), id: "call_a" },
        { ...shell("until [ -e go-b ]; do sleep 0.05; done; echo b"), id: "call_b" },
      ],
    },
    { text: "Both." },
  ),
  cues: [
    { event: "response.output_item.added", nth: 1, then: makeFile("go-b") },
    { event: "response.output_item.done", then: makeFile("go-a") },
  ],
});

stage.test("a tool that fails is failed with its words, and the turn goes on", {
  golden: "claude/failing_tool",
  prompt: claude({ tools: [bash("echo sorry; exit 3")] }, say("It failed.")),
});
stage.test("a tool that fails is failed with its words, and the turn goes on", {
  golden: "codex/failing_tool",
  prompt: codex({ tools: [shell("echo sorry; exit 3")] }, { text: "It failed." }),
});

stage.test("a call of an MCP server over a pipe is a function call; its texts are the output", {
  golden: "claude/mcp_stdio",
  prompt: claude(
    callTool("mcp__test__echo", { text: "a" }),
    callTool("mcp__test__fail", { text: "b" }),
    say("Done."),
  ),
  bot: overPipe,
});
stage.test("a call of an MCP server over a pipe is a function call; its texts are the output", {
  golden: "codex/mcp_stdio",
  prompt: codex(
    { tools: [{ namespace: "mcp__test", name: "echo", input: { text: "a" } }] },
    { tools: [{ namespace: "mcp__test", name: "fail", input: { text: "b" } }] },
    { text: "Done." },
  ),
  bot: overPipe,
});
stage.test("a call of an MCP server over HTTP looks the same, and brings its headers", {
  golden: "claude/mcp_http",
  prompt: claude(callTool("mcp__test__echo", { text: "a" }), say("Done.")),
  bot: overHttp,
  check: tokenWasSent,
});
stage.test("a call of an MCP server over HTTP looks the same, and brings its headers", {
  golden: "codex/mcp_http",
  prompt: codex(
    { tools: [{ namespace: "mcp__test", name: "echo", input: { text: "a" } }] },
    { text: "Done." },
  ),
  bot: overHttp,
  check: tokenWasSent,
});

stage.test("a command's output of 50 MB is a file of the agent's, of which the beginning is told", {
  golden: "claude/long_output",
  prompt: claude({ tools: [bash(MUCH)] }, say("Done.")),
});
stage.test("a command's output of 50 MB is cut to what a frame takes", {
  golden: "codex/long_output",
  prompt: codex({ tools: [shell(MUCH)] }, { text: "Done." }),
});

stage.test("a changed file is told with the end of the turn", {
  golden: "claude/file_change",
  prompt: claude(
    callTool("Write", { file_path: "new.txt", content: "hello\n" }),
    say("Written."),
  ),
  fields: named,
});
stage.test("a changed file is a tool, and told with the end of the turn", {
  golden: "codex/file_change",
  prompt: codex(
    {
      tools: [
        shell(
          "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\nEOF",
        ),
      ],
    },
    { text: "Written." },
  ),
  fields: named,
});

stage.test("a subagent's tools are shown whole, its text is not", {
  golden: "claude/subagent",
  prompt: claude(
    callTool("Agent", {
      description: "look",
      subagent_type: "general-purpose",
      prompt: claude({ text: "Inner. ", tools: [bash("echo inner")] }, say("Inner end.")),
    }),
    say("Outer end."),
  ),
});
stage.test("a tool's word that there is nothing to report goes with the end of the turn", {
  golden: "claude/silent_exit",
  prompt: claude(
    callTool("mcp__test__say", { text: '{"__silent_exit__": true, "reason": "all quiet"}' }),
    say("Nothing."),
  ),
  bot: overPipe,
});
stage.test("a tool's word that there is nothing to report may come without a reason", {
  golden: "claude/silent_exit_bare",
  prompt: claude(
    callTool("mcp__test__say", { text: '{"__silent_exit__": true}' }),
    say("Nothing."),
  ),
  bot: overPipe,
});

stage.close();
