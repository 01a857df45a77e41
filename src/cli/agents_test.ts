import { assertEquals } from "../../tests/support/assert.ts";
import { whyNot } from "./agents.ts";

Deno.test("whyNot() names the first thing that is wrong", () => {
  const candidate = { path: "/link", program: "/c", source: "path" } as const;
  assertEquals(whyNot({ ...candidate, version: null }, "2.1.0", "/c"), "it does not run");
  assertEquals(whyNot({ ...candidate, version: "2.0.9" }, "2.1.0", null), "it is older than 2.1.0");
  assertEquals(whyNot({ ...candidate, version: "2.10.0" }, "2.1.0", "/c"), null);
  assertEquals(
    whyNot({ ...candidate, version: "2.1.0" }, "2.1.0", "/d"),
    "another one comes before it",
  );
});
