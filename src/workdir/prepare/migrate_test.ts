/** Moved conversations; the real CLI's proof is in `tests/workdir/migrate_cli_test.ts`. */
import { join } from "../../platform/std/path.ts";
import { assertEquals } from "../../../tests/support/assert.ts";
import { Workshop } from "../../../tests/support/workshop.ts";
import { migrateSession, type Migration } from "./migrate.ts";

const ID = "0f9a2c1e-7f1c-4f5b-9d0e-1a2b3c4d5e6f";

/** Old places with a conversation of `cwd`. */
function places(shop: Workshop, cwd = shop.workdir): Migration {
  const migration: Migration = {
    oldDir: join(shop.base, "state/7/s"),
    newDir: join(shop.workdir, ".wegent/session/7/s"),
    oldConfigDir: join(shop.workdir, ".claude"),
    newConfigDir: join(shop.workdir, ".wegent/.claude"),
    workdir: shop.workdir,
    pythonDirs: [join(shop.base, "python"), join(shop.base, "sessions/7")],
    botId: 3,
    ownerConfigDir: join(shop.home, ".claude"),
  };
  const project = join(migration.oldConfigDir!, "projects/-slug");
  for (
    const dir of [
      migration.oldDir,
      migration.newDir,
      join(project, ID, "sub"),
      ...migration.pythonDirs,
    ]
  ) {
    Deno.mkdirSync(dir, { recursive: true });
  }
  const lines = [{ type: "summary" }, { type: "user", cwd, sessionId: ID }];
  Deno.writeTextFileSync(
    join(project, `${ID}.jsonl`),
    lines.map((x) => JSON.stringify(x)).join("\n"),
  );
  Deno.writeTextFileSync(join(project, ID, "sub/agent.jsonl"), "sub");
  Deno.symlinkSync("/etc/passwd", join(project, ID, "link"));
  return migration;
}

function save(migration: Migration, changes: Record<string, unknown> = {}): void {
  const session = {
    version: 1,
    agent: "claude",
    id: ID,
    model: "opus",
    workdir: migration.workdir,
    config_dir: migration.oldConfigDir,
  };
  Deno.writeTextFileSync(
    join(migration.oldDir, "session.json"),
    JSON.stringify({ ...session, ...changes }),
  );
}

const savedAt = (dir: string) => JSON.parse(Deno.readTextFileSync(join(dir, "session.json")));
const names = (dir: string) => [...Deno.readDirSync(dir)].map(({ name }) => name).sort();

Deno.test("migrateSession() copies session and conversation once", async () => {
  using shop = new Workshop();
  const migration = places(shop);
  save(migration);
  assertEquals(await migrateSession(migration), { session: ID, done: true });
  assertEquals(savedAt(migration.newDir), {
    version: 1,
    agent: "claude",
    id: ID,
    model: "opus",
    workdir: shop.workdir,
    config_dir: migration.newConfigDir,
  });
  const moved = join(migration.newConfigDir!, "projects/-slug");
  assertEquals(names(moved), [ID, `${ID}.jsonl`]);
  assertEquals(names(join(moved, ID)), ["sub"]);
  assertEquals(Deno.readTextFileSync(join(moved, ID, "sub/agent.jsonl")), "sub");
  // What is old stays, and what has been written since is not replaced.
  assertEquals(names(migration.oldDir), ["session.json"]);
  Deno.removeSync(join(migration.newDir, "session.json"));
  assertEquals(await migrateSession(migration), { session: null, done: false });
  assertEquals(names(migration.newDir), ["migrated.json"]);
});

Deno.test("migrateSession() keeps a session that is at the new place already", async () => {
  using shop = new Workshop();
  const migration = places(shop);
  save(migration);
  Deno.writeTextFileSync(join(migration.newDir, "session.json"), "{}");
  assertEquals(await migrateSession(migration), { session: null, done: true });
  assertEquals(Deno.readTextFileSync(join(migration.newDir, "session.json")), "{}");
});

Deno.test("migrateSession() leaves a conversation of another directory, or none, alone", async () => {
  const cases: ((shop: Workshop) => Migration)[] = [
    (shop) => {
      const migration = places(shop);
      save(migration, { workdir: "/elsewhere" });
      return migration;
    },
    (shop) => {
      const migration = places(shop, "/elsewhere");
      save(migration);
      return migration;
    },
    (shop) => {
      const migration = places(shop);
      save(migration, { id: "../../../../etc/passwd" });
      return migration;
    },
    (shop) => {
      const migration = places(shop);
      save(migration);
      const transcript = join(migration.oldConfigDir!, "projects/-slug", `${ID}.jsonl`);
      Deno.renameSync(transcript, join(shop.base, "t"));
      Deno.symlinkSync(join(shop.base, "t"), transcript);
      return migration;
    },
    places,
  ];
  for (const [i, make] of cases.entries()) {
    using shop = new Workshop();
    const migration = make(shop);
    assertEquals(await migrateSession(migration), { session: null, done: true }, `case ${i}`);
    assertEquals(names(migration.newDir), ["migrated.json"], `case ${i}`);
  }
});

Deno.test("migrateSession() reads the id Wegent's own executor kept, of the right bot", async () => {
  using shop = new Workshop();
  const migration = places(shop);
  const [first, second] = migration.pythonDirs as [string, string];
  Deno.writeTextFileSync(join(first, ".claude_session_id"), crypto.randomUUID());
  Deno.writeTextFileSync(join(first, ".claude_session_id_4"), crypto.randomUUID());
  Deno.writeTextFileSync(join(second, ".claude_session_id_3"), `${ID}\n`);
  assertEquals(await migrateSession(migration), { session: ID, done: true });
  assertEquals(savedAt(migration.newDir).model, null);
  assertEquals(Deno.readTextFileSync(join(second, ".claude_session_id_3")), `${ID}\n`);
});

Deno.test("migrateSession() finds a conversation under the owner's own configuration", async () => {
  using shop = new Workshop();
  const migration = places(shop);
  save(migration, { config_dir: null });
  Deno.mkdirSync(migration.ownerConfigDir!);
  Deno.renameSync(
    join(migration.oldConfigDir!, "projects"),
    join(migration.ownerConfigDir!, "projects"),
  );
  const own = { ...migration, newConfigDir: null };
  assertEquals(await migrateSession(own), { session: ID, done: true });
  assertEquals(savedAt(own.newDir).config_dir, null);
  Deno.removeSync(own.newDir, { recursive: true });
  Deno.mkdirSync(own.newDir);
  assertEquals((await migrateSession(migration)).session, ID);
  assertEquals(names(join(migration.newConfigDir!, "projects/-slug")), [ID, `${ID}.jsonl`]);
});
