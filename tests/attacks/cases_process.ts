/** Other processes, their sockets, and what root could do. */
import { join } from "../../src/platform/std/path.ts";
import type { Attack } from "./attack.ts";
import { CALL, osStops } from "./cases_files.ts";
import { tell } from "./victim.ts";

const victim = { victim: true } as const;

/** The daemon and its neighbours. */
export const PROCESSES: readonly Attack[] = [
  osStops(
    "kill",
    "`kill -9` of the daemon",
    "The device is gone",
    (a) => `kill -9 ${a.victim!.pid}`,
    {
      ...victim,
      through: async (a) => !await a.victim!.alive(),
    },
  ),
  osStops(
    "environment",
    "`/proc/<daemon>/environ`",
    "Its secrets are known",
    (a) => `tr '\\0' '\\n' < /proc/${a.victim!.pid}/environ`,
    victim,
  ),
  osStops(
    "memory",
    "`/proc/<daemon>/mem` opened for writing",
    "Its code is changed",
    (a) => `perl -e 'sysopen F, "/proc/${a.victim!.pid}/mem", 2 and print "opened\\n"'`,
    {
      ...victim,
      through: (_, { stdout }) => stdout.includes("opened"),
    },
  ),
  osStops(
    "ptrace",
    "`ptrace(PTRACE_SEIZE)` of the daemon",
    "It does what it is told",
    (a) =>
      `perl -e 'syscall(${CALL.ptrace}, 0x4206, ${a.victim!.pid}, 0, 0) == 0 ` +
      `and print "seized\\n"'`,
    {
      ...victim,
      machine: true,
      through: (_, { stdout }) => stdout.includes("seized"),
    },
  ),
  osStops(
    "root of a process",
    "`/proc/<daemon>/root` written through",
    "A file outside is made",
    (a) => `echo x > /proc/${a.victim!.pid}/root${a.out}/new`,
    victim,
  ),
  osStops(
    "descriptors of a process",
    "`/proc/<daemon>/fd` opened",
    "Its open files are ours",
    (a) => `ls -l /proc/${a.victim!.pid}/fd | grep -c socket`,
    {
      ...victim,
      through: (_, { stdout }) => Number(stdout) > 0,
    },
  ),
  osStops(
    "abstract socket",
    "An abstract Unix socket of a process outside",
    "It does what it is told",
    (a) => tell(`\\0${a.victim!.abstractName}`, "poke"),
    victim,
  ),
  osStops(
    "control.sock",
    "Our control socket, with the secret read from its file",
    "The daemon obeys",
    (a) =>
      tell(
        `${a.eh}/run/control.sock`,
        `poke $(cat ${a.eh}/run/control.secret)`.replace(
          /\$\(.*\)/,
          `'"$(cat ${a.eh}/run/control.secret)"'`,
        ),
      ),
    victim,
  ),
  osStops(
    "host.sock",
    "Another host's socket, with the secret read from its file",
    "The host obeys",
    (a) => tell(`${a.world.hostDir}/host.sock`, `poke '"$(cat ${a.eh}/run/control.secret)"'`),
    victim,
  ),
  {
    name: "socket of another user",
    how: "tmux of another user, in a directory of mode 0700",
    never: "A command is typed into it",
    stops: "os",
    opens: ["os"],
    // There the kernel's own file modes do it.
    opensOrdinary: [],
    only: "root",
    setup(a) {
      const dir = join(a.out, "tmux-other");
      Deno.mkdirSync(dir, { mode: 0o700 });
      Deno.writeTextFileSync(join(dir, "default"), "another user's");
      Deno.chownSync(join(dir, "default"), 65534, 65534);
      Deno.chownSync(dir, 65534, 65534);
    },
    // Whoever reaches the name could connect: the directory's mode is the only guard of such sockets.
    script: (a) => `cat ${a.out}/tmux-other/default > /dev/null && echo reached`,
    through: (_, { stdout }) => stdout.includes("reached"),
  },
];

/** Powers of root, and ways to get them. */
export const POWERS: readonly Attack[] = [
  osStops(
    "bind mount",
    "A directory outside mounted over one in the workdir",
    "A file outside is made",
    (a) => `mkdir m; unshare -m sh -c 'mount --bind ${a.out} m && echo x > m/new'`,
    {
      machine: true,
      opensOrdinary: [],
    },
  ),
  osStops(
    "user namespace",
    "The same as root of a namespace of its own",
    "A file outside is made",
    (a) => `mkdir m; unshare -Urm sh -c 'mount --bind ${a.out} m && echo x > m/new'`,
    { machine: true },
  ),
  osStops(
    "pivot_root",
    "Another root directory",
    "Paths mean something else",
    () => "mkdir -p r; unshare -m sh -c 'mount -t tmpfs x r && echo mounted'",
    {
      machine: true,
      opensOrdinary: [],
      through: (_, { stdout }) => stdout.includes("mounted"),
    },
  ),
  osStops(
    "mknod",
    "The node of a disk made in the workdir",
    "The disk can be read",
    () => "mknod disk b 8 0 && echo made",
    {
      machine: true,
      opensOrdinary: [],
      through: (_, { stdout }) => stdout.includes("made"),
    },
  ),
  osStops(
    "setuid program",
    "A program that runs as root for everybody",
    "It has root's rights",
    (a) => `${join(a.out, "as-root")} -u`,
    {
      only: "ordinary",
      machine: true,
      setup: (a) => Deno.copyFileSync("/usr/bin/id", join(a.out, "as-root")),
      between(a) {
        if (Deno.uid() !== 0) return;
        Deno.chownSync(join(a.out, "as-root"), 0, 0);
        Deno.chmodSync(join(a.out, "as-root"), 0o4755);
      },
      through: (_, { stdout }) => stdout.trim() === "0",
    },
  ),
  osStops(
    "chown",
    "A file outside given to somebody else",
    "It is theirs",
    (a) => `chown 1:1 ${a.out}/kept`,
    { opensOrdinary: [] },
  ),
  osStops(
    "file of another user",
    "A file of mode 0600 that is another user's",
    "It is read",
    (a) => `cat ${a.out}/private`,
    {
      opensOrdinary: [],
      setup: (a) => a.world.put("outside/private", "our-secret"),
      between(a) {
        Deno.chmodSync(join(a.out, "private"), 0o600);
        if (Deno.uid() === 0) {
          const other = a.user === "root" ? 65534 : 0;
          Deno.chownSync(join(a.out, "private"), other, other);
        }
      },
      only: "root",
    },
  ),
  osStops(
    "kernel setting",
    "A setting in `/proc/sys` written, with the value it has",
    "The machine is another one",
    () => "v=$(cat /proc/sys/kernel/hostname); echo $v > /proc/sys/kernel/hostname && echo written",
    {
      opensOrdinary: [],
      machine: true,
      through: (_, { stdout }) => stdout.includes("written"),
    },
  ),
];

const OPEN_ROWS: readonly Omit<Attack, "never" | "stops" | "opens">[] = [
  {
    name: "docker.sock",
    how: "A Unix socket with a path, of a program that does what it is told",
    script: (a) => tell(`${a.out}/docker.sock`, "poke"),
    ...victim,
  },
  {
    name: "own tmux",
    how: "tmux of the same user",
    script: (a) => tell(`${a.out}/tmux.sock`, "poke"),
    ...victim,
  },
  {
    name: "network",
    how: "A TCP port of the machine",
    script: (a) => `bash -c 'echo poke > /dev/tcp/127.0.0.1/${a.victim!.port}'; sleep 0.2`,
    ...victim,
  },
  {
    name: "terminal",
    how: "Another terminal of the same user, written to",
    script: (a) => `echo "poke" > ${a.victim!.terminal}; sleep 0.2`,
    ...victim,
  },
  {
    name: "chmod",
    how: "The mode of an own file outside",
    script: (a) => `chmod 600 ${a.out}/kept`,
  },
  {
    name: "utimes",
    how: "The times of an own file outside",
    script: (a) => `touch -d 2001-01-01 -c ${a.out}/kept`,
  },
  {
    name: "extended attributes",
    how: "A `user.` attribute of an own file outside",
    script: (a) =>
      `perl -e '($p, $n, $v) = ("${a.out}/kept", "user.x", "y"); ` +
      `syscall(${CALL.setxattr}, $p, $n, $v, 1, 0) == 0 and print "set\\n"'`,
    through: (_, { stdout }) => stdout.includes("set"),
    machine: true,
  },
  {
    name: "reading",
    how: "`~/.ssh/id` read with the default preset",
    script: () => "cat ~/.ssh/id",
  },
  {
    name: "names",
    how: "Names in our state listed",
    script: (a) => `ls ${a.eh}`,
    through: (_, { stdout }) => stdout.includes("device-config.json"),
  },
  {
    name: "command lines",
    how: "`/proc/<daemon>/cmdline`",
    script: (a) => `tr '\\0' ' ' < /proc/${a.victim!.pid}/cmdline`,
    through: (_, { stdout }) => stdout.includes("--victim-argument"),
    ...victim,
  },
  {
    name: "shared memory",
    how: "A file in `/dev/shm`",
    script: () => "echo x > /dev/shm/wegent-$$ && rm /dev/shm/wegent-$$ && echo shared",
    through: (_, { stdout }) => stdout.includes("shared"),
  },
  {
    name: "setuid copy",
    how:
      "A copy of the shell with the setuid bit in the workdir: of root, it makes its caller root",
    script: () => "cp /bin/sh s && chmod 4755 s",
    through: (a) => ((Deno.statSync(join(a.workdir, "s")).mode ?? 0) & 0o4000) !== 0,
  },
];

/** What the fences do not stop. */
export const OPEN: readonly Attack[] = OPEN_ROWS.map((row) => ({
  ...row,
  never: "—: it is reached",
  stops: "nothing",
  opens: [],
}));
