import { assert, assertEquals, assertRejects } from "../../../tests/support/assert.ts";
import { join } from "../../platform/std/path.ts";
import { allProcesses, environmentOf } from "../../../tests/support/processes.ts";
import { AppError } from "../../platform/mod.ts";
import { Snapshots } from "./snapshots.ts";
import type { ChangeLimits, Changes } from "./types.ts";

/** A directory with a home and a place for snapshots beside it. */
class Yard implements AsyncDisposable {
  readonly base = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "wegent-changes-" }));
  readonly dir = join(this.base, "work");
  readonly env = {
    PATH: Deno.env.get("PATH") ?? "",
    HOME: this.base,
    GIT_CONFIG_NOSYSTEM: "1",
    LEAKED: "secret",
  };
  readonly workdir: string;
  snapshots: Snapshots;

  constructor(limits: Partial<ChangeLimits> = {}, workdir?: string) {
    this.workdir = workdir ?? this.dir;
    Deno.mkdirSync(this.workdir, { recursive: true });
    // Generous: these tests are not about time.
    this.snapshots = this.watch({ ms: 60_000, ...limits });
  }

  watch(limits: Partial<ChangeLimits>): Snapshots {
    return new Snapshots(
      { workdir: this.workdir, dir: join(this.base, "snap"), ignored: [`${this.workdir}/.wegent`] },
      { launch: [], env: this.env, limits },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.snapshots.close();
    Deno.removeSync(this.base, { recursive: true });
  }

  path(name: string): string {
    return join(this.dir, name);
  }
  write(name: string, text: string | Uint8Array): void {
    Deno.mkdirSync(join(this.path(name), ".."), { recursive: true });
    if (typeof text === "string") Deno.writeTextFileSync(this.path(name), text);
    else Deno.writeFileSync(this.path(name), text);
  }
  remove(name: string): void {
    Deno.removeSync(this.path(name), { recursive: true });
  }
  git(...args: string[]): string {
    // Without a directory git would work in that of this program.
    if (!this.workdir.startsWith("/")) throw new Error(`No directory: ${this.workdir}`);
    const { code, stdout, stderr } = new Deno.Command("git", {
      args: ["-c", "user.name=n", "-c", "user.email=e@example.com", ...args],
      cwd: this.workdir,
      clearEnv: true,
      // Never above the test's own directory, whatever is missing in it.
      env: { ...this.env, GIT_CEILING_DIRECTORIES: this.base },
    }).outputSync();
    const text = new TextDecoder();
    if (code !== 0) throw new Error(`git ${args.join(" ")}: ${text.decode(stderr)}`);
    return text.decode(stdout);
  }
  commit(): void {
    this.git("add", "-A");
    this.git("commit", "-qm", "c");
  }

  /** Applies the patch backwards as a server's command does. */
  revert({ patch }: Changes): void {
    const file = join(this.base, "turn.patch");
    Deno.writeFileSync(file, patch);
    this.git("apply", "-R", "--check", file);
    this.git("apply", "-R", file);
  }

  /** Every file below the directory: mode and content, or target. Repositories' own files excepted. */
  tree(): Record<string, string> {
    const found: Record<string, string> = {};
    const walk = (dir: string, prefix: string) => {
      for (const { name } of Deno.readDirSync(dir)) {
        const path = join(dir, name);
        const info = Deno.lstatSync(path);
        if (info.isSymlink) found[prefix + name] = `-> ${Deno.readLinkSync(path)}`;
        else if (info.isDirectory) name === ".git" || walk(path, `${prefix}${name}/`);
        else {
          const bytes = Deno.readFileSync(path);
          const mode = (info.mode ?? 0) & 0o111 ? "x" : "-";
          found[prefix + name] = mode + Array.from(bytes, (b) => String.fromCharCode(b)).join("");
        }
      }
    };
    walk(this.dir, "");
    return found;
  }
}

function short(changes: Changes | null): string[] {
  return (changes?.files ?? []).map((f) =>
    `${f.change_type} ${
      f.old_path ? `${f.old_path} > ` : ""
    }${f.path} +${f.additions} -${f.deletions}${f.binary ? " binary" : ""}`
  );
}

/** Runs `change` as a turn, and shows that the patch backwards restores everything but `outside`. */
async function turn(
  yard: Yard,
  change: () => void,
  outside: readonly string[] = [],
): Promise<string[]> {
  await yard.snapshots.before();
  const before = yard.tree();
  change();
  const changes = await yard.snapshots.after();
  if (changes) {
    yard.revert(changes);
    for (const name of outside) yard.remove(name);
    assertEquals(yard.tree(), before, "the patch backwards restores the directory");
  }
  return short(changes);
}

const ODD = [
  'quo"te',
  "new\nline",
  "späß 日本",
  " lead and trail ",
  "tab\there",
  "back\\slash",
  "-n",
];

for (const repository of [true, false]) {
  const kind = repository ? "a repository" : "a directory without a repository";
  const yardOf = () => {
    const yard = new Yard();
    if (repository) yard.git("init", "-q");
    return yard;
  };

  Deno.test(`Snapshots of ${kind}: edits, new files, deletions, renames, modes, binary files`, async () => {
    await using yard = yardOf();
    yard.write("edit.txt", "one\ntwo\n");
    yard.write("old name.txt", Array.from({ length: 30 }, (_, i) => `line ${i}\n`).join(""));
    yard.write("gone.txt", "bye\n");
    yard.write("run.sh", "#!/bin/sh\n");
    yard.write("pic.bin", new Uint8Array([0, 1, 2, 255]));
    yard.write("crlf.txt", "a\r\nb\r\n");
    yard.write("no end.txt", "no newline");
    Deno.symlinkSync("edit.txt", yard.path("link"));
    if (repository) yard.commit();
    const files = await turn(yard, () => {
      yard.write("edit.txt", "one\n2\n");
      Deno.mkdirSync(yard.path("sub"));
      Deno.renameSync(yard.path("old name.txt"), yard.path("sub/new name.txt"));
      yard.remove("gone.txt");
      Deno.chmodSync(yard.path("run.sh"), 0o755);
      yard.write("pic.bin", new Uint8Array([0, 9, 9]));
      yard.write("crlf.txt", "a\r\nc\r\n");
      yard.write("no end.txt", "still none");
      yard.write("new/deep/file", "x\n");
      yard.write("empty", "");
      yard.remove("link");
      Deno.symlinkSync("gone.txt", yard.path("link"));
    });
    assertEquals(files, [
      "modified crlf.txt +1 -1",
      "modified edit.txt +1 -1",
      "created empty +0 -0",
      "deleted gone.txt +0 -1",
      "modified link +1 -1",
      "created new/deep/file +1 -0",
      "modified no end.txt +1 -1",
      "modified pic.bin +0 -0 binary",
      "modified run.sh +0 -0",
      "renamed old name.txt > sub/new name.txt +0 -0",
    ]);
  });

  Deno.test(`Snapshots of ${kind}: a file becomes a directory, a directory a link`, async () => {
    await using yard = yardOf();
    yard.write("a", "file\n");
    yard.write("d/x", "x\n");
    yard.write("e/y", "y\n");
    yard.write("e/x", "another\n");
    yard.write("f/x", "x\n");
    if (repository) yard.commit();
    const files = await turn(yard, () => {
      yard.remove("a");
      yard.write("a/inner", "i\n");
      yard.remove("d");
      Deno.symlinkSync("e", yard.path("d"));
      yard.remove("f");
      yard.write("f", "plain\n");
    });
    assertEquals(files.length, 6, files.join("; "));
  });

  Deno.test(`Snapshots of ${kind}: odd names`, async () => {
    await using yard = yardOf();
    for (const name of ODD) yard.write(name, "before\n");
    if (repository) yard.commit();
    const files = await turn(yard, () => {
      for (const name of ODD) yard.write(name, "after\n");
      for (const name of ODD) yard.write(`made/${name}`, "new\n");
    });
    assertEquals(
      files,
      [
        ...ODD.map((name) => `made/${name}`).sort().map((name) => `created ${name} +1 -0`),
        ...ODD.map((name) => `modified ${name} +1 -1`),
      ].sort((a, b) => a.split(" ").slice(1).join(" ") < b.split(" ").slice(1).join(" ") ? -1 : 1),
    );
  });

  Deno.test(`Snapshots of ${kind}: nothing changed is null, and one turn follows the other`, async () => {
    await using yard = yardOf();
    yard.write("f", "1\n");
    assertEquals(await turn(yard, () => {}), []);
    await yard.snapshots.before();
    yard.write("f", "2\n");
    assertEquals(short(await yard.snapshots.after()), ["modified f +1 -1"]);
    yard.write("between", "by its owner\n");
    await yard.snapshots.before();
    yard.write("f", "3\n");
    assertEquals(short(await yard.snapshots.after()), ["modified f +1 -1"]);
  });

  Deno.test(`Snapshots of ${kind}: a file that was ignored before is not the turn's`, async () => {
    await using yard = yardOf();
    yard.write(".gitignore", "*.secret\nout/\n");
    yard.write("key.secret", "s\n");
    yard.write("out/old", "o\n");
    if (repository) yard.commit();
    const files = await turn(yard, () => {
      yard.write(".gitignore", "");
      yard.write("made", "m\n");
    });
    assertEquals(files, ["modified .gitignore +0 -2", "created made +1 -0"]);
  });
}

Deno.test("Snapshots leave index, objects and refs of the repository as they are", async () => {
  await using yard = new Yard();
  yard.git("init", "-q");
  yard.write("f", "1\n");
  yard.write("staged", "1\n");
  yard.commit();
  yard.write("staged", "2\n");
  yard.git("add", "staged");
  yard.write("untracked", "u\n");
  const own = () =>
    new TextDecoder().decode(
      new Deno.Command("sh", {
        args: ["-c", "find .git -type f -exec sha1sum {} + | sort; find .git -type d | sort"],
        cwd: yard.dir,
      }).outputSync().stdout,
    );
  const before = own();
  const files = await turn(yard, () => yard.write("f", "2\n"));
  assertEquals(files, ["modified f +1 -1"]);
  assertEquals(own(), before);
});

Deno.test("Snapshots see work that was not committed as the turn's starting point", async () => {
  await using yard = new Yard();
  yard.git("init", "-q");
  yard.write("f", "1\n2\n3\n");
  yard.commit();
  yard.write("f", "1\nmine\n3\n");
  yard.write("notes", "mine\n");
  const files = await turn(yard, () => {
    yard.write("f", "1\nmine\nits\n");
    yard.write("notes", "mine\nits\n");
    // Commits of the turn change nothing about what it did to the files.
    yard.git("add", "-A");
    yard.git("commit", "-qm", "its");
  });
  assertEquals(files, ["modified f +1 -1", "modified notes +1 -0"]);
});

Deno.test("Snapshots of a directory in a repository: only its own files, patch from the top", async () => {
  const base = Deno.realPathSync(Deno.makeTempDirSync());
  await using yard = new Yard({}, join(base, "top/sub dir"));
  try {
    new Deno.Command("git", { args: ["init", "-q"], cwd: join(base, "top") }).outputSync();
    Deno.writeTextFileSync(join(base, "top/above"), "a\n");
    const inside = join(yard.workdir, "f");
    Deno.writeTextFileSync(inside, "1\n");
    await yard.snapshots.before();
    Deno.writeTextFileSync(inside, "2\n");
    Deno.writeTextFileSync(join(base, "top/above"), "b\n");
    const changes = await yard.snapshots.after();
    assertEquals(short(changes), ["modified sub dir/f +1 -1"]);
    yard.revert(changes!);
    assertEquals(Deno.readTextFileSync(inside), "1\n");
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
});

Deno.test("Snapshots of a directory its repository ignores: the patch applies there", async () => {
  const base = Deno.realPathSync(Deno.makeTempDirSync());
  await using yard = new Yard({}, join(base, "top/built/here"));
  try {
    new Deno.Command("git", { args: ["init", "-q"], cwd: join(base, "top") }).outputSync();
    Deno.writeTextFileSync(join(base, "top/.gitignore"), "built/\n");
    const inside = join(yard.workdir, "f");
    Deno.writeTextFileSync(inside, "1\n");
    assertEquals(await yard.snapshots.before(), "plain");
    Deno.renameSync(inside, `${inside}2`);
    const changes = await yard.snapshots.after();
    assertEquals(short(changes), ["deleted built/here/f +0 -1", "created built/here/f2 +1 -0"]);
    yard.revert(changes!);
    assertEquals(Deno.readTextFileSync(inside), "1\n");
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
});

Deno.test("Snapshots leave out nested repositories, our own directory and ignored files", async () => {
  await using yard = new Yard();
  yard.git("init", "-q");
  yard.write(".gitignore", "*.log\n");
  for (const name of ["empty", "inner"]) yard.git("init", "-q", name);
  yard.write("inner/f", "1\n");
  yard.git("-C", "inner", "add", "f");
  yard.git("-C", "inner", "commit", "-qm", "c");
  yard.git("add", ".gitignore", "inner");
  yard.git("commit", "-qm", "c");
  const files = await turn(yard, () => {
    yard.write(".wegent/session/x", "1");
    yard.write("a.log", "1");
    yard.write("empty/f", "1");
    yard.write("made", "1\n");
    yard.git("init", "-q", "fresh");
    // A submodule's commit moves: no patch can take that back.
    yard.git("-C", "inner", "commit", "-q", "--allow-empty", "-m", "c");
  }, ["a.log", "empty/f", ".wegent/session/x"]);
  assertEquals(files, ["created made +1 -0"]);
});

Deno.test("Snapshots follow the repository's line ends", async () => {
  await using yard = new Yard();
  yard.git("init", "-q");
  yard.git("config", "core.autocrlf", "true");
  yard.write("f", "a\r\nb\r\n");
  yard.write("mixed", "a\r\nb\n");
  yard.commit();
  const files = await turn(yard, () => yard.write("f", "a\r\nc\r\n"));
  assertEquals(files, ["modified f +1 -1"]);
});

Deno.test("Snapshots.keep() covers a directory that is too large as a whole", async () => {
  await using yard = new Yard({ plainFiles: 3 });
  for (let i = 0; i < 5; i++) yard.write(`f${i}`, "1\n");
  yard.write("pic", new Uint8Array([0, 1]));
  Deno.symlinkSync("/etc", yard.path("out"));
  assertEquals(await yard.snapshots.before(), "named");
  const before = yard.tree();
  for (const name of ["f0", "f1", yard.path("new/f"), "pic", "out/passwd", "../work2/f", "f4"]) {
    yard.snapshots.keep(name);
  }
  for (const name of ["f0", "f2", "f4"]) yard.write(name, "2\n");
  yard.snapshots.keep("f0");
  yard.snapshots.release("f4");
  yard.write("new/f", "n\n");
  yard.write("pic", new Uint8Array([0, 2]));
  const changes = await yard.snapshots.after();
  assertEquals(short(changes), [
    "modified f0 +1 -1",
    "created new/f +1 -0",
    "modified pic +0 -0 binary",
  ]);
  yard.revert(changes!);
  yard.write("f2", "1\n");
  yard.write("f4", "1\n");
  assertEquals(yard.tree(), before);
  assertEquals(await yard.snapshots.before(), "named");
  assertEquals(await yard.snapshots.after(), null);
});

Deno.test("Snapshots.keep() covers a repository inside a directory that has none", async () => {
  await using yard = new Yard();
  yard.git("init", "-q", "clone");
  yard.write("clone/f", "1\n");
  assertEquals(await yard.snapshots.before(), "plain");
  yard.snapshots.keep("clone/f");
  yard.write("clone/f", "2\n");
  yard.write("beside", "b\n");
  assertEquals(short(await yard.snapshots.after()), [
    "created beside +1 -0",
    "modified clone/f +1 -1",
  ]);
});

Deno.test("Snapshots leave out large files and give up on too many or too slow", async () => {
  await using yard = new Yard({ fileBytes: 1000, files: 5, patchBytes: 3000 });
  yard.git("init", "-q");
  await yard.snapshots.before();
  yard.write("large", "x".repeat(2000));
  yard.write("small", "x\n");
  assertEquals(short(await yard.snapshots.after()), ["created small +1 -0"]);
  for (let i = 0; i < 5; i++) yard.write(`m${i}`, crypto.randomUUID().repeat(25));
  assertEquals(
    (await assertRejects(() => yard.snapshots.after(), AppError)).code,
    "changes_too_many",
  );
  yard.remove("m4");
  assertEquals(
    (await assertRejects(() => yard.snapshots.after(), AppError)).code,
    "patch_too_large",
  );
  await yard.snapshots.close();
  yard.snapshots = yard.watch({ ms: 1 });
  assertEquals(
    (await assertRejects(() => yard.snapshots.before(), AppError)).code,
    "shell_timeout",
  );
});

Deno.test("Snapshots survive the end of their shell and hand little of the environment on", async () => {
  await using yard = new Yard();
  yard.git("init", "-q");
  yard.git("config", "filter.spy.clean", "env > ../env; cat");
  yard.write(".gitattributes", "*.spied filter=spy\n");
  yard.write("f.spied", "1\n");
  await yard.snapshots.before();
  const env = Deno.readTextFileSync(join(yard.base, "env"));
  assert(env.includes("SNAP="), "the filter has run");
  assert(!env.includes("LEAKED"), env);
  const child = allProcesses().find(({ pid }) =>
    environmentOf(pid).get("SNAP")?.startsWith(yard.base)
  );
  Deno.kill(child!.pid, "SIGKILL");
  const lost = await assertRejects(() => yard.snapshots.after(), AppError);
  assertEquals(lost.code, "shell_failed");
  assertEquals(await turn(yard, () => yard.write("g", "1\n")), ["created g +1 -0"]);
});
