import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { executeRequest } from "../../protocol/mod.ts";
import type { PersonAnswer, PersonQuestion } from "../runtime.ts";
import { placeInside } from "./inside.ts";
import { type Asked, Permissions } from "./permissions.ts";

const never = new AbortController().signal;

/** Permissions of a turn whose person says `answers`, one after the other. */
function turn(
  workdir: string,
  answers: readonly (Partial<PersonAnswer> | null)[],
  request: Record<string, unknown> = { permission_mode: "ask" },
) {
  const asked: PersonQuestion[] = [];
  const ran: string[] = [];
  const permissions = new Permissions({
    request: executeRequest.parse({ task_id: 1, subtask_id: 2, ...request }),
    workdir,
    ask: (question) => {
      const answer = answers[asked.length];
      asked.push(question);
      return Promise.resolve(
        answer ? { decision: "allow", message: "", answers: [], ...answer } : null,
      );
    },
    beforeTool: (tool) => {
      ran.push(tool.name);
      return Promise.resolve();
    },
  });
  const tool = (name: string, input: Asked["input"], more: Partial<Asked> = {}) =>
    permissions.answer(
      { id: "t", name, input, reason: null, sensitive: false, ...more },
      never,
    );
  return { asked, ran, tool };
}

Deno.test("Permissions.answer() asks nobody in bypass, and tells before a tool runs", async () => {
  const { asked, ran, tool } = turn("/w", [], { permission_mode: "bypass" });
  const input = { command: "rm -rf /" };
  assertEquals(await tool("Bash", input), { behavior: "allow", updatedInput: input });
  assertEquals([asked.length, ran], [0, ["Bash"]]);
});

Deno.test("Permissions.answer() lets a tool run only after a yes", async () => {
  const { asked, ran, tool } = turn("/w", [{}, { decision: "deny", message: "no" }, null]);
  const input = { command: "make" };
  assertEquals((await tool("Bash", input))?.behavior, "allow");
  const denied = await tool("Bash", input);
  assert(denied?.behavior === "deny" && denied.message.endsWith("and says: no"));
  assertEquals(await tool("Bash", input), null);
  assertEquals([asked.length, ran], [3, ["Bash"]]);
});

Deno.test("Permissions.answer() keeps a rule to what it says", async () => {
  const always = { decision: "allow_always" } as const;
  const { asked, tool } = turn("/w", [always, always, always, always, {}, {}, {}, {}]);
  const rules = () => asked.map(({ rule }) => rule && [rule.tool, rule.match]);
  await tool("Bash", { command: "make" });
  await tool("WebFetch", { url: "https://a.example/x", prompt: "p" });
  await tool("Read", { file_path: "/etc/hosts" });
  await tool("mcp__s__t", { a: 1 });
  assertEquals(rules(), [
    ["Bash", "make"],
    ["WebFetch", "a.example"],
    ["Read", "/etc"],
    ["mcp__s__t", null],
  ]);
  await tool("Bash", { command: "make", description: "once more" });
  await tool("WebFetch", { url: "https://a.example/y" });
  await tool("Read", { file_path: "/etc/passwd" });
  await tool("mcp__s__t", { a: 2 });
  assertEquals(asked.length, 4);
  await tool("Bash", { command: "make install" });
  await tool("WebFetch", { url: "https://b.example/x" });
  await tool("Write", { file_path: "/etc/hosts", content: "" });
  await tool("mcp__s__u", {});
  assertEquals(asked.length, 8);
});

Deno.test("Permissions.answer() always asks for a place the CLI calls sensitive", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const { asked, tool } = turn(dir, [{ decision: "allow_always" }, {}]);
    const input = { file_path: `${dir}/a`, content: "" };
    await tool("Write", input);
    assertEquals(asked.length, 0);
    await tool("Write", input, { sensitive: true });
    await tool("Write", input, { sensitive: true });
    assertEquals(asked.map(({ rule }) => rule), [null, null]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("Permissions.answer() asks before a file is changed that decides what runs later", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const names = [".git/hooks/pre-commit", "sub/.claude/settings.json", ".mcp.json", ".wegent/x"];
    const { asked, tool } = turn(dir, names.map(() => ({})));
    for (const name of names) await tool("Write", { file_path: `${dir}/${name}`, content: "" });
    assertEquals(asked.length, names.length);
    await tool("Read", { file_path: `${dir}/.git/config` });
    await tool("Write", { file_path: `${dir}/.github/x`, content: "" });
    assertEquals(asked.length, names.length);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("placeInside() follows links and what does not exist yet", async () => {
  const base = await Deno.realPath(await Deno.makeTempDir());
  try {
    const dir = `${base}/work`;
    await Deno.mkdir(`${dir}/sub`, { recursive: true });
    await Deno.mkdir(`${base}/work-other`);
    await Deno.writeTextFile(`${base}/secret`, "");
    await Deno.symlink(base, `${dir}/up`);
    await Deno.symlink(`${base}/secret`, `${dir}/file`);
    await Deno.symlink(`${base}/nothing`, `${dir}/dangling`);
    await Deno.symlink("loop", `${dir}/loop`);
    await Deno.symlink(dir, `${base}/alias`);
    const inside = (path: string) => placeInside(path, dir);
    assertEquals(inside(`${dir}/new/deep/file`), "new/deep/file");
    assertEquals(inside("sub/x"), "sub/x");
    assertEquals(inside(dir), "");
    assertEquals(inside(`${dir}/sub/../y`), "y");
    assertEquals(inside(`${base}/alias/z`), "z");
    assertEquals(placeInside(`${dir}/z`, `${base}/alias`), "z");
    for (
      const path of [
        `${dir}/../secret`,
        "../secret",
        `${base}/work-other/x`,
        `${dir}/up/secret`,
        `${dir}/up/new`,
        `${dir}/file`,
        `${dir}/dangling`,
        `${dir}/loop/x`,
        "~/x",
        "/",
        `${dir}/a\0b`,
      ]
    ) assertEquals(inside(path), null, path);
  } finally {
    await Deno.remove(base, { recursive: true });
  }
});
