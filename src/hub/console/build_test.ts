import { assertEquals } from "../../../tests/support/assert.ts";
import { build, OUTPUT, sourceHash } from "./build.ts";

/** The version that makes the bundle; others write other bytes. */
const BUILDER = "2.9.6";

Deno.test("the embedded page was made of these sources (else: deno task console)", async () => {
  const embedded = JSON.parse(await Deno.readTextFile(OUTPUT));
  assertEquals(embedded.sources, await sourceHash());
});

Deno.test({
  name: "build() gives the same bytes again",
  ignore: Deno.version.deno !== BUILDER,
  async fn() {
    assertEquals(await build() === await Deno.readTextFile(OUTPUT), true);
  },
});
