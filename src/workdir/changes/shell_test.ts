import { assert, assertEquals, assertRejects } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import { BoxedShell } from "./shell.ts";

const ENV = { PATH: Deno.env.get("PATH") ?? "", HOME: "/", GIT_CONFIG_NOSYSTEM: "1" };
const SCRIPT = 'say() { echo "said $1"; return 4; }\nendless() { while :; do echo x; done; }\n';

// Windows has the shell that git brings along; git starts it everywhere.
for (const os of ["linux", "windows"] as const) {
  Deno.test(`BoxedShell on ${os} calls functions one after the other`, async () => {
    const shell = new BoxedShell({ launch: [], env: ENV, script: SCRIPT }, os);
    try {
      assertEquals(await shell.call("say hello", 20_000), { code: 4, output: "said hello\n" });
      assertEquals((await shell.call("cat; printf tail", 20_000)).output, "tail");
    } finally {
      await shell.close();
    }
    assertEquals(shell.alive, false);
  });
}

Deno.test("BoxedShell ends what takes too long and keeps little of what it prints", async () => {
  const shell = new BoxedShell({ launch: [], env: ENV, script: SCRIPT });
  const { output } = await shell.call("yes | head -c 1000000; echo last", 20_000);
  assert(output.length <= 16 * 1024 && output.endsWith("last\n"));
  const late = await assertRejects(() => shell.call("endless", 300), AppError);
  assertEquals([late.code, shell.alive], ["shell_timeout", false]);
  const gone = await assertRejects(() => shell.call("say", 300), AppError);
  assertEquals(gone.code, "shell_failed");
  await shell.close();
});

Deno.test("BoxedShell says why its box refused it", async () => {
  const refusal = JSON.stringify({ launch_error: { code: "workdir_missing", message: "Gone" } });
  const launch = ["sh", "-c", `echo '${refusal}' >&2; exit 126`, "sh"];
  const shell = new BoxedShell({ launch, env: ENV, script: SCRIPT });
  const error = await assertRejects(() => shell.call("say", 20_000), AppError);
  assertEquals(error.code, "workdir_missing");
  await shell.close();
});
