/** Repositories and archives that want more than they say. */
import { join } from "../../src/platform/std/path.ts";
import type { Arena } from "./arena.ts";
import type { Attack } from "./attack.ts";
import { osStops } from "./cases_files.ts";

const GIT = "git -c user.name=n -c user.email=e@example.invalid -c commit.gpgsign=false";
const OUTSIDE = "A file outside is made";

/** A repository in `path` with one commit and these lines in its configuration. */
function repository(path: string, config: readonly string[] = []): void {
  const script = `set -e; mkdir -p ${path}; cd ${path}; git init -q .; echo one > f; git add f
    ${GIT} commit -qm one\n${config.map((line) => `git config ${line}`).join("\n")}`;
  const { success, stderr } = new Deno.Command("sh", {
    args: ["-c", script],
    env: { GIT_CONFIG_GLOBAL: "/dev/null", HOME: path, LC_ALL: "C" },
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** A checkout in the workdir, prepared by an agent before; git is run in it by the preparation. */
function checkout(
  name: string,
  how: string,
  config: (arena: Arena) => readonly string[],
  script: string | ((arena: Arena) => string),
  more: (arena: Arena) => void = () => {},
): Attack {
  return osStops(
    name,
    how,
    OUTSIDE,
    (a) => `cd repo && ${typeof script === "string" ? script : script(a)} > /dev/null 2>&1; true`,
    {
      kind: "prepare",
      setup(a) {
        repository(join(a.workdir, "repo"), config(a));
        more(a);
      },
    },
  );
}

const evil = (a: Arena) => `'echo x > ${a.out}/new; true'`;

/** A hook in a directory of the repository. */
function hook(path: string, a: Arena): void {
  Deno.mkdirSync(join(a.workdir, "repo", path, ".."), { recursive: true });
  const file = join(a.workdir, "repo", path);
  Deno.writeTextFileSync(file, `#!/bin/sh\necho x > ${a.out}/new\n`);
  Deno.chmodSync(file, 0o755);
}

export const GIT_CASES: readonly Attack[] = [
  checkout(
    "hook",
    "`.git/hooks/post-checkout` of a reused checkout",
    () => [],
    "git checkout -f",
    (a) => hook(".git/hooks/post-checkout", a),
  ),
  checkout(
    "core.hooksPath",
    "Hooks in a directory of the repository",
    () => ["core.hooksPath hooks"],
    "git checkout -f",
    (a) => hook("hooks/post-checkout", a),
  ),
  checkout(
    "core.fsmonitor",
    "A program that git asks about changes",
    (a) => [`core.fsmonitor ${evil(a)}`],
    "git status",
  ),
  checkout(
    "filter driver",
    "A filter for the content of files",
    (a) => [
      `filter.x.smudge ${evil(a)}`,
      `filter.x.clean ${evil(a)}`,
    ],
    "rm f && git checkout -f && echo two > f && git add f",
    (a) => Deno.writeTextFileSync(join(a.workdir, "repo/.gitattributes"), "* filter=x\n"),
  ),
  checkout("ext:: remote", "A remote that is a program", (a) => [
    "protocol.ext.allow always",
    `remote.origin.url 'ext::sh -c echo% x% >${a.out}/new'`,
  ], "git fetch origin"),
  checkout("core.sshCommand", "A program for ssh", (a) => [
    `core.sshCommand ${evil(a)}`,
    "remote.origin.url ssh://127.0.0.1:9/x",
  ], "git fetch origin"),
  checkout(
    "core.worktree",
    "A working tree elsewhere",
    (a) => [`core.worktree ${a.out}`],
    "git checkout -f",
  ),
  checkout(
    ".git file",
    "A `.git` file that names a repository outside",
    () => [],
    (a) =>
      `rm -rf .git && echo 'gitdir: ${a.out}/other' > .git && git config core.worktree . && ` +
      `${GIT} commit -qm x --allow-empty`,
    (a) => {
      repository(join(a.out, "source"));
      Deno.renameSync(join(a.out, "source/.git"), join(a.out, "other"));
    },
  ),
  checkout(
    "submodule",
    "A submodule whose name and path lead out through a link",
    () => [
      "protocol.file.allow always",
    ],
    (a) => `ln -s ${a.out} way && git clone -q ${a.workdir}/source way/new`,
    (a) => repository(join(a.workdir, "source")),
  ),
  osStops(
    "archive with a link",
    "A tar file with a link, and then a file through it",
    OUTSIDE,
    (a) =>
      `mkdir a b; ln -s ${a.out} a/way; mkdir b/way; echo x > b/way/new; tar -C a -cf 1.tar way; tar -C b -cf 2.tar way/new
     mkdir to; tar -C to -xf 1.tar; tar -C to --keep-directory-symlink -xf 2.tar`,
    { kind: "prepare" },
  ),
  osStops(
    "archive with absolute names",
    "A tar file with the full name of a file outside",
    OUTSIDE,
    (a) => `echo x > new; tar -P --transform 's,^,${a.out}/,' -cf 1.tar new; tar -P -xf 1.tar`,
    {
      kind: "prepare",
    },
  ),
  osStops(
    "archive with dot-dot",
    "A tar file whose names climb",
    OUTSIDE,
    (a) =>
      `echo x > new; tar -P --transform 's,^,${"../".repeat(20)}${
        a.out.slice(1)
      }/,' -cf 1.tar new; tar -P -xf 1.tar`,
    {
      kind: "prepare",
    },
  ),
];
