import { assert, assertEquals, assertMatch } from "../../../tests/support/assert.ts";
import { Workshop } from "../../../tests/support/workshop.ts";
import { join } from "../../platform/std/path.ts";
import { preparationSettings, runHook } from "./hook.ts";

/** Runs `text` as a hook. */
async function hooked(
  shop: Workshop,
  text: string,
  { ms = 30_000, script = join(shop.base, "hook.sh") }: { ms?: number; script?: string } = {},
) {
  Deno.writeTextFileSync(join(shop.base, "hook.sh"), text);
  const job = shop.job({ gitUrl: "https://user:pw@git.example.com/a/b.git" });
  return await runHook(job, { script, timeout_ms: ms }, shop.seam());
}

Deno.test("preparationSettings() reads the environment and falls back where it is nonsense", () => {
  assertEquals(preparationSettings({}), { instruction_files: [".cursorrules", ".windsurfrules"] });
  assertEquals(
    preparationSettings({ CUSTOM_INSTRUCTION_FILES: "a, b ,,", WEGENT_HOOK_PRE_EXECUTE: " /h " }),
    { instruction_files: ["a", "b"], hook: { script: "/h", timeout_ms: 30_000 } },
  );
  for (const [given, ms] of [["5", 5000], ["0.5", 500], ["x", 30_000], ["-1", 30_000]] as const) {
    const { hook } = preparationSettings({
      WEGENT_HOOK_PRE_EXECUTE: "/h",
      WEGENT_HOOK_PRE_EXECUTE_TIMEOUT: given,
    });
    assertEquals(hook?.timeout_ms, ms, given);
  }
  assertEquals(preparationSettings({ CUSTOM_INSTRUCTION_FILES: "" }).instruction_files, []);
});

Deno.test("runHook() gives the script its directory, task and address without a password", async () => {
  using shop = new Workshop();
  const { note, output } = await hooked(
    shop,
    'echo "$1|$WEGENT_TASK_DIR|$WEGENT_TASK_ID|$WEGENT_GIT_URL"; echo more >&2\n',
  );
  assertEquals(note, null);
  const [first] = output.split("\n");
  assertEquals(first?.split("|").slice(0, 3), [shop.workdir, shop.workdir, "7"]);
  assert(!output.includes("pw"), output);
  assertMatch(output, /more/);
});

Deno.test("runHook() turns every failure into a note", async () => {
  using shop = new Workshop();
  assertMatch((await hooked(shop, "exit 3")).note ?? "", /ended with status 3/);
  const missing = await hooked(shop, "", { script: join(shop.base, "none.sh") });
  assertMatch(missing.note ?? "", /could not be run/);
  assertMatch((await hooked(shop, "", { script: shop.workdir })).note ?? "", /no file/);
});

Deno.test("runHook() ends a script that is too slow, with what it started", async () => {
  using shop = new Workshop();
  const started = performance.now();
  const { note } = await hooked(shop, "(sleep 2; touch $1/late) & sleep 60", { ms: 300 });
  assertMatch(note ?? "", /took longer than 0.3 s/);
  assert(performance.now() - started < 20_000);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assertEquals([...Deno.readDirSync(shop.workdir)], []);
});

Deno.test("runHook() is not held by what a script leaves behind, and keeps the end of its output", async () => {
  using shop = new Workshop();
  const started = performance.now();
  const { note, output } = await hooked(shop, "sleep 8 & yes x | head -c 100000; echo end");
  assertEquals(note, null);
  assert(performance.now() - started < 7500, "it did not wait for the pipe");
  assert(output.length <= 8000 && output.endsWith("end\n"));
});
