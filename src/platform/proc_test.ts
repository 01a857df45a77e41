import { assert, assertEquals } from "../../tests/support/assert.ts";
import { listPids, procStat, readProc } from "./proc.ts";

const linux = Deno.build.os === "linux";

Deno.test({
  name: "listPids() holds this process and its parent",
  ignore: !linux,
  fn() {
    const pids = listPids();
    assert(pids.includes(Deno.pid));
    assert(pids.includes(Deno.ppid));
  },
});

Deno.test({
  name: "procStat() tells parent, session and start of a child and null when it is gone",
  ignore: !linux,
  async fn() {
    const child = new Deno.Command("sleep", { args: ["30"] }).spawn();
    const stat = procStat(child.pid);
    assertEquals([stat?.parent, stat?.zombie], [Deno.pid, false]);
    assert(Number(stat?.startTime) > 0);
    child.kill("SIGKILL");
    await child.status;
    assertEquals(procStat(child.pid), null);
  },
});

Deno.test({
  name: "readProc() reads an environment",
  ignore: !linux,
  async fn() {
    const child = new Deno.Command("sleep", { args: ["30"], clearEnv: true, env: { A_MARK: "b" } })
      .spawn();
    // The environment is there only once the child has become the program.
    for (let i = 0; i < 100 && !readProc(child.pid, "environ"); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assertEquals(readProc(child.pid, "environ"), "A_MARK=b\0");
    child.kill("SIGKILL");
    await child.status;
  },
});
