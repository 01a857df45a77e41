import { assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import { linkHome } from "./home.ts";

Deno.test("linkHome() links what the owner has, again where it was replaced, and nothing else", () => {
  const root = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    const [owner, dir] = [`${root}/owner`, `${root}/home`];
    const put = (path: string, text: string) => Deno.writeTextFileSync(`${root}/${path}`, text);
    const read = (path: string) => Deno.readTextFileSync(`${dir}/${path}`);
    for (const name of ["sessions", "skills/mine", "skills/.system", "log"]) {
      Deno.mkdirSync(`${owner}/${name}`, { recursive: true });
    }
    put("owner/auth.json", "login");
    put("owner/config.toml", "mine");
    put("owner/state_5.sqlite", "db");
    linkHome({ dir, owner });
    const names = () => [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
    assertEquals(names(), ["auth.json", "config.toml", "sessions", "skills"]);
    assertEquals([...Deno.readDirSync(`${dir}/skills`)].map(({ name }) => name), ["mine"]);
    // What an agent could have done to it.
    Deno.removeSync(`${dir}/config.toml`);
    put("home/config.toml", "another");
    Deno.removeSync(`${dir}/sessions`);
    Deno.mkdirSync(`${dir}/sessions/x`, { recursive: true });
    Deno.removeSync(`${dir}/auth.json`);
    Deno.symlinkSync("/etc/passwd", `${dir}/auth.json`);
    put("home/hooks.json", "planted");
    put("home/state_5.sqlite", "own");
    linkHome({ dir, owner });
    assertEquals([read("config.toml"), read("auth.json"), read("state_5.sqlite")], [
      "mine",
      "login",
      "own",
    ]);
    assertEquals(Deno.readLinkSync(`${dir}/sessions`), `${owner}/sessions`);
    assertEquals(names().includes("hooks.json"), false);
    // The owner logged out.
    Deno.removeSync(`${owner}/auth.json`);
    linkHome({ dir, owner });
    assertEquals(names().includes("auth.json"), false);
    linkHome({ dir: `${root}/other`, owner: `${root}/none` });
    put("file", "");
    assertEquals(
      assertThrows(() => linkHome({ dir: `${root}/file/x`, owner }), AppError).code,
      "codex_home",
    );
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});
