/** An attack as data: what is tried, what must not happen, and which fence sees to it. */
import type { Ended } from "../support/sandbox_world.ts";
import type { Arena } from "./arena.ts";

/**
 * What can stop an attack:
 *
 * - `resolver`: the choice of the directory;
 * - `launcher`: the second look right before the start, at the directory and at the variables;
 * - `os`: Landlock, dropped capabilities, no new privileges;
 * - `worker`: the Deno permissions of the part that talks to the network.
 */
export type Fence = "resolver" | "launcher" | "os" | "worker";

/** Every {@link Fence}. */
export const FENCES: readonly Fence[] = ["resolver", "launcher", "os", "worker"];

/** The request of a session for a directory. */
export interface DirectoryWish {
  readonly workdir: string;
  /** @default "existing" */
  readonly policy?: string;
  /** @default the device itself */
  readonly deviceId?: string;
  /** Allowed roots. @default workspace and `~/Projects` */
  readonly roots?: readonly string[];
}

/** One attack. */
export interface Attack {
  /** Short and unique. */
  readonly name: string;
  /** How it is tried, for the table. */
  readonly how: string;
  /** What must not happen (or, when nothing stops it, what does), for the table. */
  readonly never: string;
  /** The fence that stops it first. */
  readonly stops: Fence | "nothing";
  /**
   * Fences of which each, switched off alone, lets it through. Empty: another one still stops it.
   * For what nothing stops it is not asked.
   */
  readonly opens: readonly Fence[];
  /** The same where an ordinary user differs: the kernel's own file modes stop what root could do. */
  readonly opensOrdinary?: readonly Fence[];
  /** Only tried as this user. */
  readonly only?: "root" | "ordinary";
  /** The trick itself does not work on every machine or in every build, fence or not. */
  readonly machine?: true;
  /** Makes files, and links, as their owner would have left them. */
  setup?(arena: Arena): void | Promise<void>;
  /** The directory a session asks for; none: the managed one. */
  wish?(arena: Arena): DirectoryWish;
  /** Variables of the daemon beside the usual ones. */
  daemonEnv?(arena: Arena): Record<string, string>;
  /** What happens between the choice of the directory and the start. */
  between?(arena: Arena): void;
  /** Source of a hole in the device worker: runs with its rights before the start. */
  worker?(arena: Arena): string;
  /** Variables of a command's request. */
  env?(arena: Arena): Record<string, string>;
  /** Kind of start. @default "agent" */
  readonly kind?: "agent" | "host" | "prepare" | "command";
  /** The preset `strict` is in force. */
  readonly strict?: true;
  /** What the started shell does. @default writes into the directory it stands in */
  script?(arena: Arena): string;
  /** A process of the same user, outside, with a secret and sockets. */
  readonly victim?: true;
  /**
   * Whether it got through. @default something outside has changed, or a secret was printed
   */
  through?(arena: Arena, ended: Ended): boolean | Promise<boolean>;
}

/** The fences that let `attack` through when they are switched off, for a user. */
export function opensFor(attack: Attack, user: "root" | "ordinary"): readonly Fence[] {
  return user === "ordinary" ? attack.opensOrdinary ?? attack.opens : attack.opens;
}
