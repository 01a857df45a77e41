import { assertEquals } from "../../tests/support/assert.ts";
import { Bindings } from "./bindings.ts";

function withFile(test: (path: string) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    test(`${dir}/directories.db`);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

const BINDING = {
  taskId: 7,
  deviceId: "d",
  workdir: "~/A",
  policy: "existing",
  gitUrl: null,
  branch: null,
  path: "/home/u/A",
  origin: "session",
};

Deno.test("Bindings keep a conversation's directory by task and device, also over a restart", () =>
  withFile((path) => {
    let bindings = new Bindings(path);
    bindings.set(BINDING);
    bindings.set({ ...BINDING, deviceId: "e", path: "/other" });
    bindings.close();
    bindings = new Bindings(path);
    assertEquals(bindings.get(7, "d"), BINDING);
    assertEquals(bindings.get(7, "e")?.path, "/other");
    assertEquals(bindings.get(8, "d"), null);
    assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    bindings.close();
  }));

Deno.test("Bindings name the directories people chose, newest first, each once", () =>
  withFile((path) => {
    const bindings = new Bindings(path);
    const used = (taskId: number, dir: string, origin: string, at: number) =>
      bindings.set({ ...BINDING, taskId, path: dir, origin }, at);
    used(1, "/a", "session", 1000);
    used(2, "/b", "project", 2000);
    used(3, "/ws/3", "managed", 3000);
    used(4, "/a", "session", 4000);
    assertEquals(bindings.recent(10), [{ path: "/a", usedAt: 4 }, { path: "/b", usedAt: 2 }]);
    assertEquals(bindings.recent(1).length, 1);
    bindings.close();
  }));

Deno.test("Bindings know the directory of a repository's branch", () =>
  withFile((path) => {
    const bindings = new Bindings(path);
    bindings.setRepo("h/t/app", { gitUrl: "https://h/t/app", branch: null, path: "/a" }, 1);
    bindings.setRepo("h/t/app", { gitUrl: "git@h:t/app", branch: "dev", path: "/b" }, 2);
    bindings.setRepo("h/t/app", { gitUrl: "https://h/t/app.git", branch: null, path: "/c" }, 3);
    assertEquals([bindings.repo("h/t/app", null), bindings.repo("h/t/app", "dev")], ["/c", "/b"]);
    assertEquals(bindings.repo("h/t/app", "x"), null);
    assertEquals(bindings.repos(10), [
      { gitUrl: "https://h/t/app.git", branch: null, path: "/c" },
      { gitUrl: "git@h:t/app", branch: "dev", path: "/b" },
    ]);
    bindings.close();
  }));

Deno.test("Bindings put a file aside that SQLite cannot read", () =>
  withFile((path) => {
    Deno.writeTextFileSync(path, "this is no database, ".repeat(100));
    const said: string[] = [];
    const bindings = new Bindings(path, (message) => said.push(message));
    bindings.set(BINDING);
    assertEquals(bindings.get(7, "d"), BINDING);
    assertEquals(said.length, 1);
    assertEquals(Deno.statSync(`${path}.broken`).isFile, true);
    bindings.close();
  }));
