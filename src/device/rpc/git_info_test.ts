import { assertEquals } from "../../../tests/support/assert.ts";
import { gitInfo } from "./git_info.ts";

async function git(cwd: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main", ...args],
    cwd,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

async function withRepo(test: (repo: string, dir: string) => Promise<void> | void) {
  const dir = Deno.makeTempDirSync({ prefix: "wx-" });
  try {
    const repo = `${dir}/repo`;
    Deno.mkdirSync(repo);
    await git(repo, "init", "-q");
    await test(repo, dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("gitInfo() says what git says, for loose and packed branches, worktrees and bare commits", () =>
  withRepo(async (repo, dir) => {
    assertEquals(gitInfo(repo), { branch: "main", originUrl: "", sha: "" });
    await git(repo, "commit", "-q", "--allow-empty", "-m", "x");
    await git(repo, "remote", "add", "origin", "https://me:token@git.example/a/b.git");
    const sha = await git(repo, "rev-parse", "HEAD");
    const originUrl = "https://git.example/a/b.git";
    assertEquals(gitInfo(repo), { branch: "main", originUrl, sha });
    await git(repo, "pack-refs", "--all");
    assertEquals(gitInfo(repo), { branch: "main", originUrl, sha });
    await git(repo, "worktree", "add", "-q", "-b", "feat/one", `${dir}/tree`);
    assertEquals(gitInfo(`${dir}/tree`), { branch: "feat/one", originUrl, sha });
    await git(repo, "checkout", "-q", "--detach");
    assertEquals(gitInfo(repo), { branch: "", originUrl, sha });
  }));

Deno.test("gitInfo() tells nothing of files that are no git files, nor follows links to them", () =>
  withRepo((repo, dir) => {
    assertEquals(gitInfo(dir), undefined);
    assertEquals(gitInfo(`${dir}/nowhere`), undefined);
    Deno.writeTextFileSync(`${dir}/secret`, `${"ab".repeat(20)}\n`);
    Deno.removeSync(`${repo}/.git/HEAD`);
    Deno.symlinkSync(`${dir}/secret`, `${repo}/.git/HEAD`);
    assertEquals(gitInfo(repo), undefined);
    Deno.removeSync(`${repo}/.git/HEAD`);
    for (const head of ["ref: refs/heads/../../secret", "something else", "", "ref: /etc/passwd"]) {
      Deno.writeTextFileSync(`${repo}/.git/HEAD`, head);
      assertEquals(gitInfo(repo)?.sha ?? "", "", head);
    }
  }));
