import { assert, assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { directoryUsable, makeDirectories } from "./directories.ts";
import { AppError } from "./errors.ts";
import { openAllOfLibc } from "./libc.ts";

openAllOfLibc();

Deno.test("makeDirectories() makes what is missing and leaves what is there", () => {
  const dir = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    makeDirectories(`${dir}/a/b/c`, 0o700);
    makeDirectories(`${dir}/a/b/c`);
    assert(directoryUsable(`${dir}/a/b/c`));
    assertEquals((Deno.statSync(`${dir}/a`).mode ?? 0) & 0o777, 0o700);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("makeDirectories() goes through no link and no file", () => {
  const dir = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    Deno.mkdirSync(`${dir}/outside`);
    Deno.symlinkSync(`${dir}/outside`, `${dir}/link`);
    Deno.writeTextFileSync(`${dir}/file`, "");
    for (const path of [`${dir}/link/new`, `${dir}/link`, `${dir}/file/new`]) {
      assertThrows(() => makeDirectories(path), AppError, "Cannot make the directory");
    }
    assertEquals([...Deno.readDirSync(`${dir}/outside`)], []);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
