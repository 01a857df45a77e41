import { assert, assertEquals, assertMatch } from "../../../tests/support/assert.ts";
import { gitOk } from "../../../tests/support/git_server.ts";
import { Workshop } from "../../../tests/support/workshop.ts";
import { join } from "../../platform/std/path.ts";
import { Git } from "./git.ts";
import { layOutInstructions } from "./instructions.ts";

const NAMES = [".cursorrules", ".windsurfrules", "docs/rules.md", "../outside", "/etc/hostname"];

/** A project whose files are laid out. */
class Project implements Disposable {
  readonly shop = new Workshop();
  readonly dir = this.shop.workdir;

  async init(): Promise<this> {
    await gitOk(["init", "-q", this.dir]);
    return this;
  }
  write(name: string, text: string | Uint8Array): void {
    Deno.mkdirSync(join(this.dir, name, ".."), { recursive: true });
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    Deno.writeFileSync(join(this.dir, name), bytes);
  }
  read(name: string): string {
    return Deno.readTextFileSync(join(this.dir, name));
  }
  link(target: string, name: string): void {
    Deno.symlinkSync(target, join(this.dir, name));
  }
  async layOut(os?: typeof Deno.build.os): Promise<string[]> {
    return await layOutInstructions(new Git(this.shop.seam(), null), this.dir, NAMES, os);
  }
  async status(): Promise<string> {
    return await gitOk(["-C", this.dir, "status", "--porcelain", "-uall"]);
  }
  [Symbol.dispose](): void {
    this.shop[Symbol.dispose]();
  }
}

Deno.test("layOutInstructions() copies other agents' files, links AGENTS.md and hides both from git", async () => {
  using project = await new Project().init();
  project.write(".cursorrules", "tabs\n");
  project.write("docs/rules.md", "rules\n");
  project.write("../outside", "x");
  project.write("AGENTS.md", "all\n");
  const before = await project.status();
  assertEquals(await project.layOut(), []);
  assertEquals(project.read(".claudecode/.cursorrules"), "tabs\n");
  assertEquals(project.read(".claudecode/rules.md"), "rules\n");
  assertEquals([...Deno.readDirSync(join(project.dir, ".claudecode"))].length, 2);
  assertEquals(Deno.readLinkSync(join(project.dir, "CLAUDE.md")), "AGENTS.md");
  assertEquals(await project.status(), before);
  project.write(".cursorrules", "spaces\n");
  assertEquals(await project.layOut(), []);
  assertEquals(project.read(".claudecode/.cursorrules"), "spaces\n");
  assertEquals(project.read(".git/info/exclude").match(/\.claudecode/g)?.length, 1);
});

Deno.test("layOutInstructions() prefers AGENTS.md and replaces a link, never a file or a tracked link", async () => {
  using project = await new Project().init();
  project.write("agents.md", "lower\n");
  project.link("gone.md", "CLAUDE.md");
  await project.layOut();
  assertEquals(Deno.readLinkSync(join(project.dir, "CLAUDE.md")), "agents.md");
  project.write("AGENTS.md", "upper\n");
  await project.layOut();
  assertEquals(Deno.readLinkSync(join(project.dir, "CLAUDE.md")), "AGENTS.md");

  Deno.removeSync(join(project.dir, "CLAUDE.md"));
  project.link("agents.md", "CLAUDE.md");
  await gitOk(["-C", project.dir, "add", "-f", "CLAUDE.md"]);
  await project.layOut();
  assertEquals(Deno.readLinkSync(join(project.dir, "CLAUDE.md")), "agents.md");

  await gitOk(["-C", project.dir, "rm", "-q", "-f", "--cached", "CLAUDE.md"]);
  Deno.removeSync(join(project.dir, "CLAUDE.md"));
  project.write("CLAUDE.md", "own\n");
  assertEquals(await project.layOut(), []);
  assert(Deno.lstatSync(join(project.dir, "CLAUDE.md")).isFile);
  assertEquals(project.read("CLAUDE.md"), "own\n");
});

Deno.test("layOutInstructions() follows no link, neither from a file nor into the copies", async () => {
  using project = await new Project().init();
  Deno.writeTextFileSync(join(project.shop.base, "secret"), "s");
  Deno.mkdirSync(join(project.shop.base, "elsewhere"));
  project.link("../secret", ".cursorrules");
  project.write(".windsurfrules", "w\n");
  project.link("../elsewhere", ".claudecode");
  const notes = await project.layOut();
  assertEquals(notes.length, 2, notes.join("; "));
  assertMatch(notes[0] ?? "", /^Could not copy \.cursorrules: .*no plain file/);
  assertMatch(notes[1] ?? "", /^Could not copy \.windsurfrules: .*link/);
  assertEquals([...Deno.readDirSync(join(project.shop.base, "elsewhere"))], []);
});

Deno.test("layOutInstructions() notes what is no text and goes on", async () => {
  using project = await new Project().init();
  project.write(".cursorrules", new Uint8Array([0xff, 0xfe, 0x00]));
  project.write(".windsurfrules", "w\n");
  const notes = await project.layOut();
  assertEquals(notes.length, 1, notes.join("; "));
  assertEquals(project.read(".claudecode/.windsurfrules"), "w\n");
});

Deno.test("layOutInstructions() works without a repository, and copies where links need a privilege", async () => {
  using project = new Project();
  project.write("AGENTS.md", "all\n");
  assertEquals(await project.layOut("windows"), []);
  assert(Deno.lstatSync(join(project.dir, "CLAUDE.md")).isFile);
  assertEquals(project.read("CLAUDE.md"), "all\n");
  using empty = new Project();
  assertEquals(await empty.layOut(), []);
  assertEquals([...Deno.readDirSync(empty.dir)], []);
});
