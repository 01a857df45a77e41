/** Directories a session asks for, and what is put in their place before the start. */
import { join } from "../../src/platform/std/path.ts";
import type { Arena } from "./arena.ts";
import type { Attack } from "./attack.ts";

const OUTSIDE = "A session works and writes outside the roots";

/** A path outside of the roots, which the launcher refuses as well. */
function asksFor(
  name: string,
  how: string,
  workdir: (arena: Arena) => string,
  setup?: (arena: Arena) => void,
): Attack {
  return {
    name,
    how,
    never: OUTSIDE,
    stops: "resolver",
    opens: [],
    ...(setup && { setup }),
    wish: (arena) => ({ workdir: workdir(arena) }),
  };
}

/** A path inside a root which only the resolver knows to keep: the launcher looks at roots alone. */
function keptPlace(
  name: string,
  how: string,
  never: string,
  wish: NonNullable<Attack["wish"]>,
  script?: NonNullable<Attack["script"]>,
): Attack {
  return {
    name,
    how,
    never,
    stops: "resolver",
    opens: ["resolver"],
    wish,
    ...(script && { script }),
  };
}

const inHome = (arena: Arena, path: string) => ({
  workdir: join(arena.home, path),
  roots: [arena.world.workspace, arena.home],
});

/** Paths that are not what they look like. */
export const PATHS: readonly Attack[] = [
  asksFor("absolute", "The absolute path of a directory outside", (a) => a.out),
  asksFor("dot-dot", "`~/Projects/../../outside`", (a) => `${a.projects}/../../outside`),
  asksFor(
    "dot-dot below a file",
    "`~/Projects/p/../../../outside/./`",
    (a) => `${a.projects}/p/../../../outside/./`,
  ),
  asksFor(
    "prefix twin",
    "`~/Projects-beside`, of which a root is a prefix",
    (a) => `${a.projects}-beside`,
    (a) => Deno.mkdirSync(`${a.projects}-beside`),
  ),
  asksFor(
    "link to a directory",
    "A link in a root that leads outside",
    (a) => join(a.projects, "way"),
    (a) => a.link(a.out, join(a.projects, "way")),
  ),
  asksFor(
    "link to a file",
    "A link in a root that leads to a file outside",
    (a) => join(a.projects, "way"),
    (a) => a.link(join(a.out, "kept"), join(a.projects, "way")),
  ),
  asksFor(
    "link chain",
    "Links that lead from one to the next and then outside",
    (a) => join(a.projects, "one"),
    (a) => {
      a.link("two", join(a.projects, "one"));
      a.link("p/three", join(a.projects, "two"));
      a.link(a.out, join(a.projects, "p/three"));
    },
  ),
  asksFor(
    "link loop",
    "A link that leads to itself",
    (a) => join(a.projects, "loop"),
    (a) => a.link("loop", join(a.projects, "loop")),
  ),
  asksFor(
    "link on the way",
    "A directory below a link in a root",
    (a) => join(a.projects, "way/inner"),
    (a) => {
      Deno.mkdirSync(join(a.out, "inner"));
      a.link(a.out, join(a.projects, "way"));
    },
  ),
  asksFor(
    "trailing slash",
    "A link to outside with a slash behind it",
    (a) => join(a.projects, "way") + "/",
    (a) => a.link(a.out, join(a.projects, "way")),
  ),
  asksFor(
    "trailing dot",
    "A directory outside, written with `/.` and `//`",
    (a) => a.out.replace("/outside", "//outside/./."),
  ),
  asksFor("relative path", "A path relative to wherever the program stands", (a) => `..${a.out}`),
  asksFor("home of another user", "`~root`", () => "~root"),
  asksFor(
    "NUL",
    "A path with a NUL character, after which some stop reading",
    (a) => `${a.out}\0${a.projects}/p`,
  ),
  asksFor("line break", "A path with a line break", (a) => `${a.projects}/p\n${a.out}`),
  asksFor("over-long", "A path of 5,000 characters", (a) => `${a.projects}/${"x/".repeat(2500)}`),
  asksFor("UNC path", "`\\\\server\\share`", () => "\\\\server\\share"),
  asksFor("device name", "`C:\\CON`", () => "C:\\CON"),
  asksFor(
    "Unicode twin",
    "The name of a root in another normal form, a directory of its own",
    (a) => join(a.home, "Cafe\u0301"),
    (a) => {
      Deno.mkdirSync(join(a.home, "Caf\u00e9"));
      Deno.mkdirSync(join(a.home, "Cafe\u0301"));
    },
  ),
  asksFor(
    "case twin",
    "The name of a root in other letters, a directory of its own",
    (a) => join(a.home, "projects"),
    (a) => Deno.mkdirSync(join(a.home, "projects")),
  ),
  asksFor(
    "/proc/self/root",
    "The outside through `/proc/self/root`",
    (a) => `/proc/self/root${a.out}`,
  ),
  asksFor(
    "/proc/<pid>/root",
    "The outside through the root of another process",
    (a) => `/proc/${Deno.pid}/root${a.out}`,
  ),
  asksFor("/proc/self/cwd", "Wherever the program stands", () => "/proc/self/cwd"),
  asksFor("/dev/fd", "A descriptor of the program", () => "/dev/fd/0"),
  asksFor("system directory", "`/etc`", () => "/etc"),
  asksFor(
    "root behind a link",
    "A root inside another root, which an agent has made a link",
    (a) => join(a.projects, "inner"),
    (a) => a.link(a.out, join(a.projects, "inner")),
  ),
  {
    ...asksFor(
      "hard link",
      "A file in the directory that is a hard link to one outside",
      (a) => join(a.projects, "linked"),
    ),
    never: "—: it is the owner's own link, and the file is the same under both names",
    stops: "nothing",
    setup(a) {
      Deno.mkdirSync(join(a.projects, "linked"));
      Deno.linkSync(join(a.out, "kept"), join(a.projects, "linked/file"));
    },
    script: () => "echo x > file",
    through: (a) => Deno.readTextFileSync(join(a.out, "kept")) !== "kept",
  },
];

/** Places inside the roots where no session works. */
export const PLACES: readonly Attack[] = [
  keptPlace(
    "home itself",
    "The home directory, when it is a root",
    "Every file of the owner can be changed",
    (a) => inHome(a, ""),
    () => "echo x > Documents/letter",
  ),
  keptPlace(
    "credentials",
    "`~/.config/gh`, when the home is a root",
    "A login is replaced",
    (a) => inHome(a, ".config/gh"),
  ),
  keptPlace(
    "agent's own settings",
    "`~/.claude`, when the home is a root",
    "Conversations of others are changed",
    (a) => inHome(a, ".claude"),
    () => "echo x > projects/t",
  ),
  keptPlace(
    "our state",
    "The supervisor's directory, when the home is a root",
    "Secrets of the control socket are read",
    (a) => inHome(a, ".wegent-executor/run"),
    () => "cat control.secret",
  ),
  keptPlace(
    "another task's directory",
    "`workspace/8` for task 7",
    "A session changes another's files",
    (a) => ({ workdir: join(a.world.workspace, "8") }),
  ),
  keptPlace(
    "the workspace root",
    "The directory that holds all managed ones",
    "A session changes another's files",
    (a) => ({ workdir: a.world.workspace }),
    () => "echo x > 8/file",
  ),
  keptPlace(
    "a session's own corner",
    "`.wegent` of a project",
    "A session changes what another keeps there",
    (a) => {
      Deno.mkdirSync(join(a.projects, "p/.wegent/session/8"), { recursive: true });
      a.world.own();
      return { workdir: join(a.projects, "p/.wegent/session/8") };
    },
  ),
  keptPlace(
    "meant for another device",
    "A path that was chosen for another device",
    "A directory of that name on this one is changed",
    (a) => ({
      workdir: join(a.projects, "p"),
      deviceId: "device-2",
    }),
  ),
  keptPlace(
    "unknown policy",
    "A policy this version does not know",
    "It is taken for `existing`",
    (a) => ({
      workdir: join(a.projects, "p"),
      policy: "shared",
    }),
  ),
  {
    ...asksFor("~/.ssh", "`~/.ssh`, when the home is a root", (a) => join(a.home, ".ssh")),
    never: "A key is added",
    wish: (a) => inHome(a, ".ssh"),
    script: () => "echo x > authorized_keys",
  },
  {
    ...asksFor(
      "directory on PATH",
      "`~/tools`, which is on PATH, when the home is a root",
      (a) => join(a.home, "tools"),
    ),
    never: "A program is replaced that runs unsandboxed later",
    stops: "os",
    opens: ["os"],
    wish: (a) => inHome(a, "tools"),
    script: () => "echo x > git",
  },
];

/** What is swapped after the directory was chosen. */
export const SWAPS: readonly Attack[] = [
  {
    name: "workdir swapped for a link",
    how: "The directory becomes a link to outside between choice and start",
    never: OUTSIDE,
    stops: "launcher",
    opens: [],
    wish: (a) => ({ workdir: join(a.projects, "p") }),
    between: (a) => a.swap(join(a.projects, "p"), a.out),
  },
  {
    name: "component swapped for a link",
    how: "A directory above it becomes a link to outside",
    never: OUTSIDE,
    stops: "launcher",
    opens: [],
    setup(a) {
      for (const base of [a.projects, a.out]) {
        Deno.mkdirSync(join(base, "p/inner"), { recursive: true });
      }
    },
    wish: (a) => ({ workdir: join(a.projects, "p/inner") }),
    between: (a) => a.swap(join(a.projects, "p"), join(a.out, "p")),
  },
  {
    name: "root renamed",
    how: "The root moves away and a link to outside takes its name",
    never: OUTSIDE,
    stops: "launcher",
    opens: [],
    setup: (a) => Deno.mkdirSync(join(a.out, "p")),
    wish: (a) => ({ workdir: join(a.projects, "p") }),
    between: (a) => a.swap(a.projects, a.out),
  },
  {
    name: "workdir swapped for a file",
    how: "The directory becomes a link to a file outside",
    never: OUTSIDE,
    stops: "launcher",
    opens: [],
    wish: (a) => ({ workdir: join(a.projects, "p") }),
    between: (a) => a.swap(join(a.projects, "p"), join(a.out, "kept")),
  },
  {
    name: "session's state swapped",
    how: "The session's own directory becomes a link to `~/.ssh`",
    never: "A key is added through the temporary directory",
    stops: "os",
    opens: ["os"],
    setup: (a) => Deno.mkdirSync(join(a.home, ".ssh/tmp")),
    between: (a) => a.swap(a.world.sessionDir, join(a.home, ".ssh")),
    script: () => 'echo x > "$TMPDIR/authorized_keys"',
  },
  {
    name: "temporary directory behind a link",
    how: "The session's own directory becomes a link to `~/.ssh` before its temporary one is made",
    never: "A directory is made in `~/.ssh`",
    stops: "launcher",
    opens: [],
    between: (a) => a.swap(a.world.sessionDir, join(a.home, ".ssh")),
    script: () => 'echo x > "$TMPDIR/authorized_keys"',
  },
  {
    name: "variable of the loader",
    how: "A command's request sets `LD_DEBUG_OUTPUT`, which acts before any code of ours",
    never: "The loader writes outside with all rights",
    stops: "launcher",
    opens: ["launcher"],
    kind: "command",
    env: (a) => ({ LD_DEBUG: "libs", LD_DEBUG_OUTPUT: join(a.out, "loader") }),
    script: () => "true",
  },
  {
    name: "variable of our runtime",
    how: "A command's request sets `DENO_V8_FLAGS`",
    never: "The launcher ends before it has fenced anything in, or writes a log outside",
    stops: "launcher",
    opens: ["launcher"],
    kind: "command",
    // Only the runtime that runs sources looks at it, not an executable.
    machine: true,
    env: () => ({ DENO_V8_FLAGS: "--no-such-flag-at-all" }),
    script: () => "echo started",
    through: (_, { stdout }) => !stdout.includes("started"),
  },
  {
    name: "variable of the shell",
    how: "A command's request sets `BASH_ENV` to a script that writes outside",
    never: "The script runs unfenced",
    stops: "launcher",
    opens: [],
    kind: "command",
    env: (a) => ({ BASH_ENV: join(a.workdir, "start.sh") }),
    setup: (a) => Deno.writeTextFileSync(join(a.workdir, "start.sh"), `echo x > ${a.out}/new\n`),
    script: () => "true",
  },
];
