import { assert, assertEquals, assertStringIncludes } from "../../tests/support/assert.ts";
import { landlockFeatures } from "./landlock.ts";
import { sandboxStatus } from "./status.ts";

Deno.test("sandboxStatus() says what is missing and what follows from the mode", () => {
  const rows = (["workdir", "required", "off"] as const).map((mode) => {
    const { active, mayRun, available } = sandboxStatus(mode, 0, "linux");
    return [mode, available, active, mayRun];
  });
  assertEquals(rows, [
    ["workdir", false, false, true],
    ["required", false, false, false],
    ["off", false, false, true],
  ]);
  assertStringIncludes(sandboxStatus("workdir", 0, "linux").reason, "agents run without it");
  assertStringIncludes(sandboxStatus("required", 0, "darwin").reason, "no agent is started");
  assertEquals(sandboxStatus("off", 7).active, false);
});

Deno.test("sandboxStatus() names more limits the older the kernel", () => {
  const counts = [7, 5, 4, 2, 1].map((abi) => sandboxStatus("workdir", abi).limits.length);
  assertEquals(counts, [...counts].sort((a, b) => a - b));
  assert(sandboxStatus("workdir", 5).limits.some((text) => text.includes("signalled")));
  assert(!sandboxStatus("workdir", 6).limits.some((text) => text.includes("signalled")));
});

Deno.test("landlockFeatures() asks a kernel only for what its ABI knows", () => {
  const bits = (abi: number) => landlockFeatures(abi).fs.toString(2).length;
  assertEquals([1, 2, 3, 4, 5, 6, 7].map(bits), [13, 14, 15, 15, 16, 16, 16]);
  assertEquals([5, 6, 7].map((abi) => landlockFeatures(abi).scoped), [0n, 3n, 3n]);
});
