/**
 * A process outside the fences: the daemon and its neighbours, as an agent would meet them. It holds a
 * secret in its environment, listens on the sockets of a machine, and does what it is told there:
 * `poke` leaves a mark in the outside tree. Our own sockets ask for the secret first.
 */
import type { SandboxWorld } from "../support/sandbox_world.ts";

const READY_MS = 20_000;

/** Arguments: a mark for `ps`, outside tree, home of the program, secret, name of the abstract socket. */
const SOURCE = String.raw`
use IO::Socket::UNIX; use IO::Socket::INET; use IO::Select; use Fcntl; $| = 1;
my ($mark, $out, $eh, $secret, $name) = @ARGV;
my %at;
sub unix { my ($label, $path) = @_; my $l = IO::Socket::UNIX->new(Local => $path, Listen => 5) or die "$label $!"; $at{$l} = $label; $l }
my @all = (unix("control", "$eh/run/control.sock"), unix("host", "$eh/run/hosts/h1/host.sock"),
  unix("docker", "$out/docker.sock"), unix("tmux", "$out/tmux.sock"), unix("abstract", "\0$name"));
my $tcp = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 0, Listen => 5) or die $!;
$at{$tcp} = "tcp"; push @all, $tcp;
sysopen my $master, "/dev/ptmx", O_RDWR | O_NOCTTY or die $!; my $n = pack "i", 0;
ioctl $master, 0x40045431, $n or die $!; ioctl $master, 0x80045430, $n or die $!;
my $pts = "/dev/pts/" . unpack("i", $n); sysopen my $slave, $pts, O_RDWR | O_NOCTTY or die $!;
my $s = IO::Select->new(@all, $master);
print "ready ", $tcp->sockport, " $pts\n";
while (my @ready = $s->can_read) { for my $l (@ready) {
  my ($label, $text) = ("terminal", "");
  if ($l == $master) { sysread $master, $text, 100 } else {
    $label = $at{$l}; my $c = $l->accept or next; sysread $c, $text, 4096;
    next if $label =~ /control|host/ && $text !~ /\Q$secret\E/;
  }
  if ($text =~ /poke/) { open my $f, ">", "$out/poked-$label"; close $f }
} }`;

/** See the module comment. */
export class Victim implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  port = 0;
  terminal = "";

  private constructor(world: SandboxWorld, readonly abstractName: string) {
    const args = [
      "--victim-argument",
      world.outside,
      world.executorHome,
      "our-secret",
      abstractName,
    ];
    this.#child = world.service(["setsid", "perl", "-e", SOURCE, "--", ...args], {
      SECRET: "victims-secret",
    });
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Starts one and waits until its sockets are there. */
  static async start(world: SandboxWorld): Promise<Victim> {
    const victim = new Victim(world, `wegent-attack-${crypto.randomUUID()}`);
    await victim.#ready();
    return victim;
  }

  async #ready(): Promise<void> {
    let text = "";
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), READY_MS);
    try {
      while (!text.includes("\n")) {
        const { value, done } = await this.#reader.read();
        if (done) throw new Error("The victim has ended before the attack");
        text += value;
      }
    } finally {
      clearTimeout(timer);
    }
    const [, port = "", terminal = ""] = text.trim().split(" ");
    this.port = Number(port);
    this.terminal = terminal;
  }

  /** False when somebody has ended it. */
  async alive(): Promise<boolean> {
    // A signal that was sent arrives at once, but its end is seen by the runtime a little later.
    const gone = Symbol();
    const pause = new Promise<typeof gone>((resolve) => setTimeout(() => resolve(gone), 50));
    return await Promise.race([this.#child.status, pause]) === gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (await this.alive()) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#reader.cancel();
    await this.#child.stdin.close();
  }
}

/** A shell command that says `text` to a Unix socket (or to an abstract one, with a leading `\0`). */
export function tell(path: string, text: string): string {
  return `perl -MIO::Socket::UNIX -e '$c = IO::Socket::UNIX->new(Peer => "${path}") or die "$!\\n"; ` +
    `print $c qq(${text}); $c->flush; close $c' && sleep 0.2`;
}
