/** The sandbox as an agent meets it: real launcher, real kernel, as root and as an ordinary user. */
import { join } from "../../src/platform/std/path.ts";
import { launchErrorOf, type Policy } from "../../src/scope/mod.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { guardedTest } from "../support/require.ts";
import { type Ended, SandboxWorld, worldUsers } from "../support/sandbox_world.ts";

/** Perl that makes a pseudo-terminal (unlock, number), opens its other end and asks for its settings. */
const OPEN_PTY = `sysopen $m, "/dev/ptmx", O_RDWR or die $!; $n = pack "i", 0;
  ioctl $m, 0x40045431, $n or die $!; ioctl $m, 0x80045430, $n or die $!;
  sysopen $s, "/dev/pts/" . unpack("i", $n), O_RDWR or die $!; $t = "-" x 64; ioctl $s, 0x5401, $t or die $!`;

/** Who owned the program under test before any world was made. */
const PROGRAM_OWNER = Deno.statSync(Deno.env.get("EXECUTOR_BINARY") ?? Deno.execPath()).uid;

/** Registers a test for every user there is, each in a world of its own. */
function sandboxTest(name: string, fn: (world: SandboxWorld) => Promise<void>, only?: "root") {
  for (const user of worldUsers()) {
    if (only && user !== only) continue;
    guardedTest({
      name: `sandbox (${user}): ${name}`,
      needs: () => Deno.build.os === "linux" ? undefined : `${Deno.build.os} has no Landlock`,
      async fn() {
        using world = new SandboxWorld(user);
        await fn(world);
      },
    });
  }
}

/** Runs `command` and prints `label:` with its status, or with the system's word for the refusal. */
const TRY = `
try() { label=$1; shift
  if out=$("$@" 2>&1); then echo "$label: allowed"
  else case "$out" in
    *"Permission denied"*) echo "$label: Permission denied";;
    *"Operation not permitted"*) echo "$label: Operation not permitted";;
    *"Invalid cross-device link"*) echo "$label: Invalid cross-device link";;
    *) echo "$label: $out";; esac; fi; }
`;

/** Runs a script of \`try\` lines in the agent's box; the answer maps labels to outcomes. */
async function attempts(
  world: SandboxWorld,
  script: string,
  policy?: string,
): Promise<Record<string, string>> {
  const ended = await world.agent(TRY + script, policy ?? world.policy());
  assertEquals(ended.code, 0, ended.stderr);
  const rows = ended.stdout.trim().split("\n").map((line) => line.split(/: (.*)/));
  return Object.fromEntries(rows.map(([label, outcome]) => [label, outcome]));
}

/** All of \`labels\` with one outcome. */
function all(labels: string, outcome: string): Record<string, string> {
  return Object.fromEntries(labels.split(" ").map((label) => [label, outcome]));
}

sandboxTest("the world's user owns the world and none of the machine's executables", (world) => {
  // Regression: the program's files are hard links, and giving away a link gives away the file.
  const program = Deno.env.get("EXECUTOR_BINARY") ?? Deno.execPath();
  assertEquals(Deno.statSync(program).uid, PROGRAM_OWNER);
  const owner = world.user === "root" || Deno.uid() !== 0 ? Deno.uid() : 65534;
  assertEquals(Deno.statSync(world.workdir).uid, owner);
  return Promise.resolve();
});

sandboxTest("writing outside is refused, however it is tried", async (world) => {
  const { outside } = world;
  const found = await attempts(
    world,
    `
    ln -s ${outside} way
    try absolute sh -c 'echo x > ${outside}/new'
    try overwrite sh -c 'echo x > ${outside}/kept'
    try append sh -c 'echo x >> ${outside}/kept'
    try symlink sh -c 'echo x > way/new'
    try grandchild sh -c 'sh -c "sh -c \\"echo x > ${outside}/new\\""'
    try setsid setsid --wait sh -c 'echo x > ${outside}/new'
    try truncate truncate -s 0 ${outside}/kept
    try truncate_path perl -e 'truncate "${outside}/kept", 0 or die $!'
    try remove rm ${outside}/kept
    try mkdir mkdir ${outside}/dir
    try rename mv ${outside}/kept ${outside}/moved
    try move_in mv ${outside}/kept stolen
    try hard_link ln ${outside}/kept linked
    try symlink_out ln -s x ${outside}/link
    try tmp sh -c 'echo x > /tmp/wegent-sandbox-test'
    try home sh -c 'echo x > ~/new'
    try start_file sh -c 'echo x >> ~/.bashrc'
    try on_path sh -c 'echo x > ~/tools/git'
    try claude_settings sh -c 'echo x > ~/.claude/settings.json'
    try claude_hooks mkdir ~/.claude/hooks
    try etc sh -c 'echo x > /etc/wegent-sandbox-test'
    try proc_root sh -c 'echo x > /proc/self/root${outside}/new'
  `,
  );
  const refused =
    "absolute overwrite append symlink grandchild setsid truncate truncate_path remove mkdir rename " +
    "symlink_out tmp home start_file on_path claude_settings claude_hooks etc proc_root";
  const { move_in, hard_link, ...rest } = found;
  assertEquals(rest, all(refused, "Permission denied"));
  // The kernel's word for "not between these directories" is EXDEV; mv then fails to copy and remove.
  assert(/denied|cross-device/.test(`${move_in}`), move_in);
  assert(/denied|cross-device/.test(`${hard_link}`), hard_link);
  assertEquals([...Deno.readDirSync(outside)].map((entry) => entry.name), ["kept"]);
  assertEquals(Deno.readTextFileSync(join(outside, "kept")), "kept");
  assertEquals(Deno.readTextFileSync(join(world.home, ".bashrc")), "# start");
});

sandboxTest("everything works inside, also between the writable directories", async (world) => {
  const found = await attempts(
    world,
    `
    try create sh -c 'echo one > a && grep -q one a'
    try mkdir mkdir -p d/e
    try rename mv a d/e/b
    try between mv d/e/b ${world.sessionDir}/c
    try to_tmp mv ${world.sessionDir}/c "$TMPDIR/c"
    try and_back mv "$TMPDIR/c" c
    try hard_link ln c d/hard
    try symlink ln -s c soft
    try truncate truncate -s 0 c
    try fifo mkfifo pipe
    try chmod chmod 700 c
    try exec sh -c 'printf "#!/bin/sh\\n" > run && chmod +x run && ./run'
    try unlink rm c d/hard soft pipe run
    try rmdir rmdir d/e d
    try cache sh -c 'echo x > ~/.cache/new'
    try null sh -c 'echo x > /dev/null'
    try shm sh -c 'echo x > /dev/shm/$$ && rm /dev/shm/$$'
    try random head -c 1 /dev/urandom
    try mktemp mktemp
    try socket perl -MIO::Socket::UNIX -e '$l = IO::Socket::UNIX->new(Local => "$ENV{TMPDIR}/s", Listen => 1) or die $!; IO::Socket::UNIX->new(Peer => "$ENV{TMPDIR}/s") or die $!'
    try readdir ls / ~ ..
    try pty perl -MFcntl -e '${OPEN_PTY}'
  `,
  );
  const wanted =
    "create mkdir rename between to_tmp and_back hard_link symlink truncate fifo chmod exec " +
    "unlink rmdir cache null shm random mktemp socket readdir pty";
  assertEquals(found, all(wanted, "allowed"));
});

sandboxTest("our own state cannot be read, the rest of the disk can", async (world) => {
  const eh = world.executorHome;
  const found = await attempts(
    world,
    `
    try config cat ${eh}/device-config.json
    try config_by_link sh -c 'ln -s ${eh}/device-config.json l && cat l'
    try config_by_proc cat /proc/self/root${eh}/device-config.json
    try config_by_copy cp ${eh}/device-config.json stolen
    try secret cat ${eh}/run/control.secret
    try policy cat ${world.hostDir}/policy.json
    try journal cat ${eh}/state/runs/journal
    try journal_write sh -c 'echo x >> ${eh}/state/runs/journal'
    try own_state sh -c 'echo x > ${world.sessionDir}/f && cat ${world.sessionDir}/f'
    try ssh grep -q ssh-secret ~/.ssh/id
    try passwd grep -q root /etc/passwd
  `,
  );
  const refused =
    "config config_by_link config_by_proc config_by_copy secret policy journal journal_write";
  assertEquals(found, {
    ...all(refused, "Permission denied"),
    ...all("own_state ssh passwd", "allowed"),
  });
});

sandboxTest("sandbox.denyRead and the preset strict keep credentials", async (world) => {
  for (const changes of [{ denyRead: [join(world.home, ".ssh")] }, { preset: "strict" as const }]) {
    const found = await attempts(
      world,
      `
      try ssh cat ~/.ssh/id
      try start_file cat ~/.bashrc
    `,
      world.policy(changes),
    );
    assertEquals(found, { ssh: "Permission denied", start_file: "allowed" });
  }
});

sandboxTest("a process outside cannot be signalled, looked into or spoken to", async (world) => {
  const name = `wegent-test-${crypto.randomUUID()}`;
  // A process of the same user, listening at an abstract socket.
  const listen = `use IO::Socket::UNIX; $| = 1;
    $l = IO::Socket::UNIX->new(Local => "\\0${name}", Listen => 5) or die $!; print "up\\n"; sleep 30`;
  const victim = world.command(["setsid", "perl", "-e", listen], "piped").spawn();
  const reader = victim.stdout.getReader();
  try {
    while (!new TextDecoder().decode((await reader.read()).value).includes("up\n")) continue;
    const pid = victim.pid;
    const connect =
      `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Peer => "\\0${name}") or die "$!\\n"'`;
    // All of it works for the same user without the sandbox.
    const control =
      `kill -0 ${pid} && cat /proc/${pid}/environ && ls /proc/${pid}/root/ && ${connect}`;
    assertEquals((await world.run(["sh", "-c", control])).code, 0);
    const found = await attempts(
      world,
      `
      try kill kill -0 ${pid}
      try kill_group perl -e 'kill 0, -${pid} or die $!'
      try daemon kill -0 ${Deno.pid}
      try environ cat /proc/${pid}/environ
      try memory head -c 1 /proc/${pid}/mem
      try root ls /proc/${pid}/root/
      try descriptors head -c 1 /proc/${pid}/fd/0
      try abstract ${connect}
      try own_child sh -c 'sleep 5 & kill $!'
    `,
    );
    assertEquals(found, {
      ...all("kill kill_group daemon abstract", "Operation not permitted"),
      ...all("environ memory root descriptors", "Permission denied"),
      own_child: "allowed",
    });
  } finally {
    victim.kill("SIGKILL");
    await Promise.all([victim.status, reader.cancel(), victim.stderr.cancel()]);
  }
});

sandboxTest("the agent's box nests in the host's and is narrower", async (world) => {
  const policy = world.policy();
  const journal = join(world.runsDir, "journal");
  const write =
    `echo x >> ${journal} && echo journal written; cat ${world.executorHome}/device-config.json`;
  const host = await world.run(world.launcher(policy, "host", ["sh", "-c", write]));
  assertStringIncludes(host.stdout, "journal written");
  assertStringIncludes(host.stderr, "device-config.json: Permission denied");

  const inner = world.launcher(policy, "agent", [
    "sh",
    "-c",
    `${write}; echo y > inside && cat inside`,
  ]);
  const nested = await world.run(world.launcher(policy, "host", inner));
  assertEquals(nested.stdout, "y\n");
  assertStringIncludes(nested.stderr, "Permission denied");

  // A host gone bad writes a wider policy for its agent: its own box still holds.
  const wide = JSON.parse(Deno.readTextFileSync(policy)) as { boxes: Record<string, unknown> };
  wide.boxes.agent = { write: ["/"], read: ["/"], denyRead: [], denyWrite: [] };
  const widePath = join(world.hostDir, "wide.json");
  Deno.writeTextFileSync(widePath, JSON.stringify(wide));
  world.own();
  const script =
    `echo x > ${world.outside}/new; cat ${world.executorHome}/device-config.json; echo done`;
  const agent = world.launcher(widePath, "agent", ["sh", "-c", script]);
  const escaped = await world.run(world.launcher(policy, "host", agent));
  assertEquals(escaped.stdout, "done\n");
  assertEquals(escaped.stderr.match(/Permission denied/g)?.length, 2, escaped.stderr);
});

sandboxTest("what was swapped between policy and launch is refused", async (world) => {
  const refusal = ({ code, stdout, stderr }: Ended) => {
    assertEquals([code, stdout], [126, ""]);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
    return launchErrorOf(stderr)?.code;
  };
  const policy = world.policy();
  const aside = `${world.workdir}-aside`;
  Deno.renameSync(world.workdir, aside);
  Deno.symlinkSync(world.outside, world.workdir);
  assertEquals(refusal(await world.agent("echo ran", policy)), "workdir_outside_roots");

  // Inside the roots, but another directory than the policy was made for: its grant is refused.
  Deno.removeSync(world.workdir);
  Deno.symlinkSync(aside, world.workdir);
  assertEquals(refusal(await world.agent("echo ran", policy)), "write_path_moved");

  Deno.removeSync(world.workdir);
  assertEquals(refusal(await world.agent("echo ran", policy)), "workdir_missing");
  Deno.renameSync(aside, world.workdir);
  Deno.renameSync(world.sessionDir, `${world.sessionDir}-aside`);
  Deno.symlinkSync(join(world.home, ".ssh"), world.sessionDir);
  assertEquals(refusal(await world.agent("echo ran", policy)), "write_path_moved");

  Deno.removeSync(world.sessionDir);
  Deno.renameSync(`${world.sessionDir}-aside`, world.sessionDir);
  const moved = `${world.workspace}-aside`;
  Deno.renameSync(world.workspace, moved);
  Deno.symlinkSync(moved, world.workspace);
  assertEquals(refusal(await world.agent("echo ran", policy)), "workdir_outside_roots");
});

sandboxTest("a launch that cannot succeed says why in one line", async (world) => {
  const path = world.policy();
  const wrong = join(world.hostDir, "wrong.json");
  const refusal = async (policy: string, argv: string[], kind = "agent") => {
    const [program = "", ...args] = world.launcher(policy, "agent", argv);
    const at = args.indexOf("--kind") + 1;
    const ended = await world.run([program, ...args.with(at, kind)]);
    assertEquals(ended.code, 126);
    return launchErrorOf(ended.stderr)?.code;
  };
  assertEquals(await refusal(path, ["no-such-command"]), "command_not_found");
  assertEquals(await refusal(path, ["/etc/passwd"]), "exec_failed");
  assertEquals(await refusal(path, ["true"], "nobody"), "policy_invalid");
  assertEquals(await refusal(path, ["true"], "terminal"), "policy_invalid");
  assertEquals(await refusal(wrong, ["true"]), "policy_unreadable");
  const policy: Policy = JSON.parse(Deno.readTextFileSync(path));
  Deno.writeTextFileSync(wrong, JSON.stringify({ ...policy, mode: "sometimes" }));
  world.own();
  assertEquals(await refusal(wrong, ["true"]), "policy_invalid");
});

sandboxTest("root has no capability left and gets none back", async (world) => {
  const { stdout } = await world.agent("grep -E '^(Cap|NoNewPrivs)' /proc/self/status");
  const none = ["Inh", "Prm", "Eff", "Bnd", "Amb"].map((name) => `Cap${name}:\t${"0".repeat(16)}`);
  assertEquals(stdout.trim().split("\n"), [...none, "NoNewPrivs:\t1"]);
  // Powers root would have without a right of the file system: giving a file away, reading any file.
  const found = await attempts(
    world,
    "touch f; try chown chown 1:1 f; try mount mount -t tmpfs x .",
  );
  assertEquals(found.chown, "Operation not permitted");
  assert(/denied|permitted|superuser/.test(`${found.mount}`), found.mount);
}, "root");

sandboxTest(
  "a root above the home directory opens neither state nor start files",
  async (world) => {
    const policy = world.policy({ workdir: world.home, roots: [world.base] });
    const found = await attempts(
      world,
      `
    try project sh -c 'echo x > ~/Projects/p/f'
    try state sh -c 'echo x > ${world.executorHome}/device-config.json'
    try state_read cat ${world.executorHome}/device-config.json
    try start_file sh -c 'echo x > ~/.bashrc'
    try ssh_keys sh -c 'echo x > ~/.ssh/authorized_keys'
    try on_path sh -c 'echo x > ~/tools/git'
    try claude_settings sh -c 'echo x > ~/.claude/settings.json'
    try claude_transcript sh -c 'echo x > ~/.claude/projects/t'
    try cache sh -c 'echo x > ~/.cache/f'
  `,
      policy,
    );
    assertEquals(found, {
      ...all("project claude_transcript cache", "allowed"),
      ...all("state state_read start_file ssh_keys on_path claude_settings", "Permission denied"),
    });
  },
);

sandboxTest("mode off runs without a box, still in the checked directory", async (world) => {
  const policy = world.policy({ mode: "off" });
  const { stdout } = await world.agent(
    `pwd; echo x > ${world.outside}/new && echo written`,
    policy,
  );
  assertEquals(stdout, `${world.workdir}\nwritten\n`);
});

sandboxTest("git works in the working directory", async (world) => {
  const git = "git -c user.name=n -c user.email=e@example.invalid";
  const { code, stdout, stderr } = await world.agent(`set -e
    git init -q . && echo one > f && git add f && ${git} commit -qm one
    git mv f g && ${git} commit -qm two && git branch other && git stash list
    git clone -q . ../7/copy && git -C copy log --oneline | wc -l && git status --short`);
  assertEquals([code, stdout, stderr], [0, "2\n?? copy/\n", ""]);
});
