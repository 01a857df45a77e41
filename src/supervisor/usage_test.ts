import { assert, assertEquals } from "../../tests/support/assert.ts";
import { openAllOfLibc } from "../platform/libc.ts";
import { usageOf } from "./usage.ts";

openAllOfLibc();

Deno.test({
  name: "usageOf() counts a process with everything below it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const child = new Deno.Command("sh", {
      args: ["-c", "exec 9</dev/null; sleep 60 & echo up; wait"],
      stdout: "piped",
    }).spawn();
    try {
      const reader = child.stdout.getReader();
      await reader.read();
      reader.releaseLock();
      const usage = usageOf([child.pid, 1 << 30]);
      const own = usage?.get(child.pid);
      assert(own);
      assertEquals(own.processes, 2);
      assert(own.memory > 100_000 && own.memory < 1e9, String(own.memory));
      assert(own.open_files >= 4, String(own.open_files));
      assertEquals(usage?.get(1 << 30), { processes: 0, memory: 0, open_files: 0 });
    } finally {
      const [sleeper] = (await new Deno.Command("pgrep", { args: ["-P", String(child.pid)] })
        .output().then(({ stdout }) => new TextDecoder().decode(stdout))).split("\n");
      child.kill("SIGKILL");
      if (sleeper) Deno.kill(Number(sleeper), "SIGKILL");
      await child.status;
      await child.stdout.cancel();
    }
  },
});
