import { assert, assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { AppError } from "../platform/errors.ts";
import { assertCommandEnv } from "./command_env.ts";

Deno.test("assertCommandEnv() refuses what acts before the sandbox, and names it", () => {
  for (
    const name of [
      "LD_PRELOAD",
      "LD_DEBUG_OUTPUT",
      "DYLD_INSERT_LIBRARIES",
      "DENO_DIR",
      "DENO_V8_FLAGS",
      "NODE_OPTIONS",
      "BASH_ENV",
      "ENV",
    ]
  ) {
    const error = assertThrows(() => assertCommandEnv({ A: "1", [name]: "x" }), AppError);
    assertEquals((error as AppError).code, "env_refused");
    assert((error as AppError).message.includes(`"${name}"`));
  }
});

Deno.test("assertCommandEnv() refuses what no environment can hold and lets the rest pass", () => {
  for (const env of [{ "": "x" }, { "A=B": "x" }, { "A\0": "x" }, { A: "x\0y" }]) {
    const error = assertThrows(() => assertCommandEnv(env as Record<string, string>), AppError);
    assertEquals((error as AppError).code, "env_invalid");
  }
  assertCommandEnv({ PATH: "/bin", OLD_LD_X: "", ENVIRONMENT: "", NODE_OPTIONS_X: "", HOME: "/" });
});
