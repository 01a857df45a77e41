import { assert, assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { AppError } from "../platform/errors.ts";
import { parsePolicy, type Policy } from "./policy.ts";

const BOX = { write: ["/w"], read: [], denyRead: ["/d"], denyWrite: [], tmpDir: "/w/tmp" };
const POLICY: Policy = {
  version: 1,
  mode: "workdir",
  workdir: "/w",
  roots: ["/w"],
  boxes: { host: BOX, agent: BOX },
};

Deno.test("parsePolicy() reads what was written", () => {
  assertEquals(parsePolicy(JSON.stringify(POLICY)), POLICY);
});

Deno.test("parsePolicy() names the field that is wrong, and refuses what it does not know", () => {
  const cases: [string, unknown][] = [
    ["policy", []],
    ["policy", null],
    ["version", { ...POLICY, version: 2 }],
    ["mode", { ...POLICY, mode: "on" }],
    ["workdir", { ...POLICY, workdir: 7 }],
    ["absolute path", { ...POLICY, workdir: "w" }],
    ["absolute path", { ...POLICY, roots: ["/a/../b"] }],
    ["roots", { ...POLICY, roots: "/w" }],
    ["roots[1]", { ...POLICY, roots: ["/w", null] }],
    ["boxes", { ...POLICY, boxes: null }],
    ["boxes", { ...POLICY, boxes: { root: BOX } }],
    ["boxes.agent.denyRead", { ...POLICY, boxes: { agent: { ...BOX, denyRead: undefined } } }],
    ["boxes.agent", { ...POLICY, boxes: { agent: { ...BOX, denyExec: [] } } }],
    ["policy", { ...POLICY, extra: 1 }],
  ];
  for (const [where, value] of cases) {
    const error = assertThrows(() => parsePolicy(JSON.stringify(value)), AppError) as AppError;
    assert(error.message.includes(where), `${error.message} should name ${where}`);
  }
  assertThrows(() => parsePolicy("{"), AppError, "not JSON");
  assertThrows(() => parsePolicy(" ".repeat(2 ** 20 + 1)), AppError, "the file");
  const proto = JSON.stringify(POLICY).replace("{", '{"__proto__":{"mode":"off"},');
  assertThrows(() => parsePolicy(proto), AppError, "__proto__");
});
