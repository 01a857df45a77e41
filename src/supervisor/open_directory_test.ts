import { assertEquals, assertRejects } from "../../tests/support/assert.ts";
import type { Settings } from "../config/mod.ts";
import { openAllOfLibc } from "../platform/libc.ts";
import { AppError } from "../platform/mod.ts";
import { openDirectory } from "./open_directory.ts";

openAllOfLibc();

const linux = Deno.build.os === "linux";

/** A home with a file manager of its own on PATH, which writes down what it was asked to show. */
async function withDesktop(
  test: (
    settings: Settings,
    env: Record<string, string>,
    shown: () => string,
  ) => Promise<void>,
): Promise<void> {
  const home = Deno.realPathSync(Deno.makeTempDirSync());
  for (const dir of ["bin", "eh/ws/7", "Projects/A", "Other"]) {
    Deno.mkdirSync(`${home}/${dir}`, { recursive: true });
  }
  Deno.writeTextFileSync(
    `${home}/bin/xdg-open`,
    `#!/bin/sh\necho "$# $1 \${WEGENT_AUTH_TOKEN:-}" > ${home}/shown\n`,
    { mode: 0o755 },
  );
  const settings = {
    openDirectory: true,
    workspaceRoot: `${home}/eh/ws`,
    allowedRoots: [`${home}/eh/ws`, `${home}/Projects`],
    userHome: home,
    paths: { home: `${home}/eh` },
    deviceId: "d",
  } as unknown as Settings;
  const env = {
    PATH: `${home}/bin:/usr/bin:/bin`,
    HOME: home,
    DISPLAY: ":9",
    WEGENT_AUTH_TOKEN: "secret",
  };
  const path = Deno.env.get("PATH") ?? "";
  // The command is looked up in this process's PATH.
  Deno.env.set("PATH", env.PATH);
  try {
    await test(settings, env, () => Deno.readTextFileSync(`${home}/shown`).trim());
  } finally {
    Deno.env.set("PATH", path);
    Deno.removeSync(home, { recursive: true });
  }
}

Deno.test({
  name: "openDirectory() shows directories of sessions, and tells the opener no secret",
  ignore: !linux,
  fn: () =>
    withDesktop(async (settings, env, shown) => {
      const home = settings.userHome;
      await openDirectory(settings, `${home}/Projects/A`, [], env);
      assertEquals(shown(), `1 ${home}/Projects/A`);
      await openDirectory(settings, `${home}/eh/ws/7`, [`${home}/eh/ws/7`], env);
      assertEquals(shown(), `1 ${home}/eh/ws/7`);
    }),
});

Deno.test({
  name: "openDirectory() refuses when it is off, without a desktop, and everything else",
  ignore: !linux,
  fn: () =>
    withDesktop(async (settings, env) => {
      const home = settings.userHome;
      const code = async (given: Settings, path: string, e: Record<string, string> = env) =>
        (await assertRejects(() => openDirectory(given, path, [], e), AppError) as AppError).code;
      const off = { ...settings, openDirectory: false };
      assertEquals(await code(off, `${home}/Projects/A`), "open_disabled");
      const { DISPLAY: _, ...headless } = env;
      assertEquals(await code(settings, `${home}/Projects/A`, headless), "open_no_desktop");
      for (
        const path of [`${home}/Other`, home, "/etc", "--help", "https://x.example", `${home}/eh`]
      ) {
        assertEquals(await code(settings, path), "open_refused", path);
      }
    }),
});
