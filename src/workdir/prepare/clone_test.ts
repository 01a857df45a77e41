/** Clone and reuse against a real git server on the loopback. */
import { join } from "../../platform/std/path.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../tests/support/assert.ts";
import { gitOk, GitServer } from "../../../tests/support/git_server.ts";
import { allProcesses } from "../../../tests/support/processes.ts";
import { guardedTest } from "../../../tests/support/require.ts";
import { filesWith, Workshop } from "../../../tests/support/workshop.ts";

const TOKEN = "glpat-secret-token-0123456789";
const identity = (changes: Record<string, string> = {}) => ({
  token: null,
  login: null,
  id: null,
  email: null,
  domain: null,
  ...changes,
});

Deno.test("prepareWorkspace() clones a branch into an empty directory", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("team/app", {
    files: { "a/b.txt": "b" },
    branches: { "dev/x": { "c.txt": "c" } },
  });
  const job = shop.clone(server.url("team/app"), "dev/x", {
    git: identity({ login: "mia", id: "42" }),
  });
  const { notes, cloned } = await shop.prepare(job);
  assertEquals(cloned, true);
  assertStringIncludes(notes.join(), "/team/app");
  assertEquals(shop.tree(), [".git/", "a/", "a/b.txt", "c.txt"]);
  assertEquals(await gitOk(["-C", shop.workdir, "symbolic-ref", "--short", "HEAD"]), "dev/x");
  assertEquals(await gitOk(["-C", shop.workdir, "status", "--porcelain"]), "");
  assertEquals(await gitOk(["-C", shop.workdir, "config", "user.name"]), "mia");
  assertEquals(
    await gitOk(["-C", shop.workdir, "config", "user.email"]),
    "42+mia@users.noreply.github.com",
  );
  assertStringIncludes(shop.progress.join(), "Cloning");
});

Deno.test("prepareWorkspace() clones beside its own state and excludes it", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app", { files: { "a.txt": "a", ".wegent/kept.txt": "theirs" } });
  shop.put(".wegent/session/7/s/session.json", "{}");
  await shop.prepare(shop.clone(server.url("app")));
  assertEquals(shop.read(".wegent/kept.txt"), "theirs");
  assertEquals(shop.read(".wegent/session/7/s/session.json"), "{}");
  assertEquals(shop.tree().filter((path) => path.includes("clone")), []);
  assertEquals(await gitOk(["-C", shop.workdir, "status", "--porcelain"]), "");
});

Deno.test("prepareWorkspace() fetches submodules, and says when one may not be read", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("private", { files: { "p.txt": "p" } });
  await server.add("lib", { files: { "lib.txt": "lib" } });
  await server.add("app", {
    submodules: { "libs/lib": server.url("lib"), "private": server.url("private") },
  });
  server.login = { user: "x", password: "y" };
  server.guarded = ["/private"];
  const { notes } = await shop.prepare(shop.clone(server.url("app")));
  assertEquals(shop.read("libs/lib/lib.txt"), "lib");
  assertEquals([...Deno.readDirSync(join(shop.workdir, "private"))], []);
  assertStringIncludes(notes.join(), 'The submodule "private" could not be fetched');
  assertEquals(await gitOk(["-C", join(shop.workdir, "libs/lib"), "status", "--porcelain"]), "");
});

Deno.test("prepareWorkspace() runs nothing that a cloned repository brings", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  const outside = join(shop.base, "ran");
  await server.add("app", {
    files: {
      ".githooks/post-checkout": `#!/bin/sh\ntouch ${outside}\n`,
      ".gitattributes": "* filter=evil\n",
      "a.txt": "a",
    },
    submodules: {
      sub: `ext::sh -c touch% ${outside}`,
      sub2: `file://${shop.base}`,
      sub3: "evil::x",
    },
  });
  // A template of the owner with a hook: it is theirs, but ours is not the command it waits for.
  const template = join(shop.base, "template/hooks");
  Deno.mkdirSync(template, { recursive: true });
  Deno.writeTextFileSync(join(template, "post-checkout"), `#!/bin/sh\ntouch ${outside}\n`);
  Deno.chmodSync(join(template, "post-checkout"), 0o755);
  Deno.writeTextFileSync(
    join(shop.home, ".gitconfig"),
    `[init]\n\ttemplateDir = ${shop.base}/template\n[protocol]\n\tallow = always\n[protocol "ext"]\n\tallow = always\n`,
  );
  Deno.mkdirSync(join(shop.base, "bin"));
  Deno.writeTextFileSync(join(shop.base, "bin/git-remote-evil"), `#!/bin/sh\ntouch ${outside}\n`);
  Deno.chmodSync(join(shop.base, "bin/git-remote-evil"), 0o755);
  const env = { ...shop.env, PATH: `${shop.base}/bin:${shop.env["PATH"]}` };
  const { notes } = await shop.prepare(shop.clone(server.url("app")), { env });
  assertStringIncludes(notes.join(), "could not be fetched");
  assertEquals(Deno.readTextFileSync(join(shop.workdir, "a.txt")), "a");
  assertEquals([...Deno.readDirSync(shop.base)].some(({ name }) => name === "ran"), false);
  const hooks = await gitOk(["-C", shop.workdir, "config", "--default", "", "core.hooksPath"]);
  assertEquals(hooks, "");
});

Deno.test("prepareWorkspace() refuses addresses that are no repository on a server", async () => {
  using shop = new Workshop();
  const outside = join(shop.base, "ran");
  for (
    const url of [
      `ext::sh -c touch% ${outside}`,
      `--upload-pack=touch ${outside}`,
      `file://${shop.base}`,
      shop.base,
      "../x",
      "-x",
      `ssh://-oProxyCommand=touch/x`,
      "http://",
    ]
  ) {
    assertEquals((await shop.refused(shop.clone(url))).code, "clone_url_refused", url);
  }
  for (const branch of ["-x", "--upload-pack=x", "a..b", "a b", "x.lock"]) {
    const error = await shop.refused(shop.clone("http://127.0.0.1:9/x", branch));
    assertEquals(error.code, "branch_invalid", branch);
  }
  assertEquals(shop.tree(), []);
});

Deno.test("prepareWorkspace() hands the token to its host alone and leaves it nowhere", async () => {
  await using server = new GitServer();
  await using other = new GitServer();
  using shop = new Workshop();
  await other.add("lib", { files: { "lib.txt": "lib" } });
  await server.add("app", { submodules: { lib: other.url("lib") } });
  server.login = { user: "mia", password: TOKEN };
  // A helper of the owner would store whatever it is shown.
  Deno.writeTextFileSync(join(shop.home, ".gitconfig"), "[credential]\n\thelper = store\n");
  const { secrets } = await shop.prepare(shop.clone(server.url("app"), null, {
    git: identity({ token: TOKEN, login: "mia", domain: new URL(server.origin).host }),
  }));
  assert(secrets.includes(TOKEN));
  assertEquals(shop.read("lib/lib.txt"), "lib");
  assert(server.requests.some(({ authorization }) => authorization?.startsWith("Basic ")));
  assertEquals(other.requests.filter(({ authorization }) => authorization !== null), []);
  for (const text of [TOKEN, btoa(`mia:${TOKEN}`)]) assertEquals(filesWith(shop.base, text), []);
});

Deno.test("prepareWorkspace() does not carry the token to where a server redirects", async () => {
  await using server = new GitServer();
  await using other = new GitServer();
  using shop = new Workshop();
  await other.add("app");
  other.login = { user: "mia", password: TOKEN };
  server.fault = { kind: "redirect", to: other.origin };
  const error = await shop.refused(shop.clone(server.url("app"), null, {
    git: identity({ token: TOKEN, login: "mia" }),
  }));
  assertEquals(error.code, "clone_auth");
  assert(other.requests.length > 0);
  assertEquals(other.requests.filter(({ authorization }) => authorization !== null), []);
});

Deno.test("prepareWorkspace() uses the owner's own credential helper without a token", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app");
  server.login = { user: "owner", password: "own-password" };
  const helper = "!printf 'username=owner\\\\npassword=own-password\\\\n'";
  Deno.writeTextFileSync(join(shop.home, ".gitconfig"), `[credential]\n\thelper = "${helper}"\n`);
  const { cloned } = await shop.prepare(shop.clone(server.url("app")));
  assertEquals(cloned, true);
});

Deno.test("prepareWorkspace() says clearly what a server refused", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app");
  server.login = { user: "mia", password: "right" };
  const withToken = await shop.refused(shop.clone(server.url("app"), null, {
    git: identity({ token: TOKEN, login: "mia" }),
  }));
  assertEquals(withToken.code, "clone_auth");
  assertStringIncludes(withToken.message, "refused the access token");
  const without = await shop.refused(shop.clone(server.url("app")));
  assertEquals(without.code, "clone_auth");
  assertStringIncludes(without.message, "wants a login");
  server.login = null;
  assertEquals((await shop.refused(shop.clone(server.url("none")))).code, "clone_not_found");
  const branch = await shop.refused(shop.clone(server.url("app"), "nope"));
  assertEquals(branch.code, "branch_not_found");
  assertStringIncludes(branch.message, '"nope"');
  for (
    const [status, code] of [[403, "clone_auth"], [404, "clone_not_found"], [
      500,
      "clone_network",
    ]] as const
  ) {
    server.fault = { kind: "status", status };
    assertEquals((await shop.refused(shop.clone(server.url("app")))).code, code, `${status}`);
  }
  assertEquals(shop.tree(), []);
  assert(![withToken, without, branch].some(({ message }) => message.includes(TOKEN)));
});

Deno.test("prepareWorkspace() leaves nothing behind when the network goes", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app", { ballast: 600_000 });
  const job = shop.clone(server.url("app"));
  for (
    const fault of [{ kind: "cut", afterBytes: 200_000 }, { kind: "cut", afterBytes: 0 }] as const
  ) {
    server.fault = fault;
    assertEquals((await shop.refused(job)).code, "clone_network");
    assertEquals(shop.tree(), []);
  }
  server.fault = { kind: "stall", afterBytes: 200_000 };
  const slow = await shop.refused(job, { limits: { lowSpeedSeconds: 1 } });
  assertEquals(slow.code, "clone_network");
  const late = await shop.refused(job, { limits: { gitMs: 1500 } });
  assertEquals(late.code, "clone_timeout");
  const refused = await shop.refused(shop.clone("http://127.0.0.1:9/team/app.git"));
  assertEquals(refused.code, "clone_network");
  assertEquals(shop.tree(), []);
  server.fault = null;
  assertEquals((await shop.prepare(job)).cloned, true);
});

Deno.test("prepareWorkspace() ends git's whole group when it is cancelled", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app");
  server.fault = { kind: "hang" };
  setTimeout(() => shop.abort.abort(), 800);
  const started = performance.now();
  const error = await shop.refused(shop.clone(server.url("app")));
  assertEquals(error.code, "clone_cancelled");
  assert(performance.now() - started < 5000);
  assertEquals(shop.tree(), []);
  const children = allProcesses().filter(({ command }) => command.includes(server.origin));
  assertEquals(children.map(({ command }) => command), []);
});

Deno.test("prepareWorkspace() uses a checkout of the same repository as it is", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app", { files: { "a.txt": "a" } });
  await shop.prepare(shop.clone(server.url("app")));
  shop.put("a.txt", "changed");
  shop.put("new.txt", "new");
  const address = server.url("app").replace("http://", "http://someone:pass@");
  const { cloned, notes } = await shop.prepare(shop.clone(address.replace(/\.git$/, "/")));
  assertEquals(cloned, false);
  assertStringIncludes(notes.join(), "Using the checkout");
  assertEquals(shop.read("a.txt"), "changed");
  assertEquals(shop.read("new.txt"), "new");
  assertStringIncludes(await gitOk(["-C", shop.workdir, "status", "--porcelain"]), "M a.txt");
});

Deno.test("prepareWorkspace() uses a worktree of the same repository", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app");
  const main = join(shop.base, "main");
  await gitOk(["clone", "--quiet", server.url("app"), main]);
  await gitOk(["-C", main, "worktree", "add", "--quiet", "-b", "side", join(shop.base, "side")]);
  const into = join(shop.base, "side");
  const job = { ...shop.clone(server.url("app")), workdir: into };
  const { cloned } = await shop.prepare({ ...job, clone: { ...job.clone!, into } });
  assertEquals(cloned, false);
  const exclude = Deno.readTextFileSync(join(main, ".git/info/exclude"));
  assertEquals(exclude.split("\n").filter((line) => line === ".wegent/").length, 1);
});

Deno.test("prepareWorkspace() switches a clean checkout in its first turn only", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app", { branches: { dev: { "dev.txt": "dev" } } });
  const branchNow = () => gitOk(["-C", shop.workdir, "symbolic-ref", "--short", "HEAD"]);
  // A clone of one branch alone knows of no other.
  await shop.prepare(shop.clone(server.url("app"), "main"));
  shop.put("notes.txt", "untracked");
  await shop.prepare(shop.clone(server.url("app"), "dev", { firstTurn: false }));
  assertEquals(await branchNow(), "main");
  const { notes } = await shop.prepare(shop.clone(server.url("app"), "dev"));
  assertStringIncludes(notes.join(), 'Switched to the branch "dev"');
  assertEquals(await branchNow(), "dev");
  assertEquals(shop.read("dev.txt"), "dev");
  assertEquals(shop.read("notes.txt"), "untracked");
  const gone = await shop.refused(shop.clone(server.url("app"), "nope"));
  assertEquals(gone.code, "branch_not_found");
  assertEquals(await branchNow(), "dev");
  await shop.prepare(shop.clone(server.url("app"), "main"));
  assertEquals(await branchNow(), "main");
});

Deno.test("prepareWorkspace() refuses to switch a dirty checkout", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app", { files: { "a.txt": "a" }, branches: { dev: { "b.txt": "b" } } });
  await shop.prepare(shop.clone(server.url("app"), "main"));
  shop.put("a.txt", "changed");
  const error = await shop.refused(shop.clone(server.url("app"), "dev"));
  assertEquals(error.code, "repo_dirty");
  for (const word of ['"main"', '"dev"']) assertStringIncludes(error.message, word);
  assertEquals(shop.read("a.txt"), "changed");
  assertEquals(await gitOk(["-C", shop.workdir, "branch", "--show-current"]), "main");
  await gitOk(["-C", shop.workdir, "checkout", "--quiet", "a.txt"]);
  shop.put("b.txt", "mine, not tracked");
  const overwrite = await shop.refused(shop.clone(server.url("app"), "dev"));
  assertEquals(overwrite.code, "repo_dirty");
  assertEquals(shop.read("b.txt"), "mine, not tracked");
});

Deno.test("prepareWorkspace() refuses a directory that holds something else", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app");
  await server.add("other");
  await gitOk(["clone", "--quiet", server.url("other"), shop.workdir]);
  const before = shop.tree();
  const error = await shop.refused(shop.clone(server.url("app")));
  assertEquals(error.code, "repo_mismatch");
  for (const word of ["/app", "/other"]) assertStringIncludes(error.message, word);
  assertEquals(shop.tree(), before);
  using plain = new Workshop();
  plain.put("thesis.txt", "years of work");
  const second = await plain.refused(plain.clone(server.url("app")));
  assertEquals(second.code, "repo_mismatch");
  assertStringIncludes(second.message, "no git checkout");
  assertEquals(plain.tree(), ["thesis.txt"]);
  // Later the directory is the session's own: what became of it is nobody's error.
  const later = await plain.prepare(plain.clone(server.url("app"), null, { firstTurn: false }));
  assertEquals(later.cloned, false);
  assertEquals(plain.tree(), ["thesis.txt"]);
});

Deno.test("prepareWorkspace() lets two sessions clone into one directory only once", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app", { ballast: 300_000 });
  server.fault = { kind: "slow", pieces: 5, ms: 100 };
  const results = await Promise.all(
    [1, 2, 3].map(() => shop.prepare(shop.clone(server.url("app")))),
  );
  assertEquals(results.map(({ cloned }) => cloned).sort(), [false, false, true]);
  assertEquals(shop.tree(), [".git/", "README.md", "ballast"]);
});

Deno.test("prepareWorkspace() takes everything back when a file appears in its way", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app", {
    files: { "a.txt": "a", "m.txt": "m", "z/z.txt": "z" },
    ballast: 300_000,
  });
  server.fault = { kind: "slow", pieces: 6, ms: 200 };
  setTimeout(() => shop.put("m.txt", "mine"), 700);
  const error = await shop.refused(shop.clone(server.url("app")));
  assertEquals(error.code, "clone_conflict");
  assertEquals(shop.tree(), ["m.txt"]);
  assertEquals(shop.read("m.txt"), "mine");
});

Deno.test("prepareWorkspace() refuses a repository that brings our own directory, or a link to it", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("link", { files: { a: "a" }, links: { ".wegent": shop.home } });
  await server.add("state", { files: { ".wegent/.claude/settings.json": "{}" } });
  for (const name of ["link", "state"]) {
    assertEquals((await shop.refused(shop.clone(server.url(name)))).code, "clone_reserved");
  }
  assertEquals(shop.tree(), []);
  Deno.symlinkSync(shop.home, join(shop.workdir, ".wegent"));
  assertEquals((await shop.refused(shop.clone(server.url("link")))).code, "own_dir_invalid");
  assertEquals([...Deno.readDirSync(shop.home)], []);
});

guardedTest({
  name: "prepareWorkspace() uses a checkout that belongs to another user",
  needs: () => Deno.build.os === "linux" && Deno.uid() === 0 ? undefined : "only root meets one",
  async fn() {
    await using server = new GitServer();
    using shop = new Workshop();
    await server.add("app");
    await shop.prepare(shop.clone(server.url("app")));
    const { success } = await new Deno.Command("chown", { args: ["-R", "65534", shop.workdir] })
      .output();
    assert(success);
    assertEquals((await shop.prepare(shop.clone(server.url("app")))).cloned, false);
  },
});
