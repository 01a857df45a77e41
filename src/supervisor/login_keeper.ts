/**
 * Renews the owner's login of an agent before a session begins that works with it: inside its box the agent
 * could not save a renewed one. The agent's own program does it, in a box that may change its owner's
 * configuration directory, without a model or an agent.
 */
import { runCommand } from "../commands/mod.ts";
import type { Settings } from "../config/mod.ts";
import {
  ensurePrivateDir,
  errorText,
  type Logger,
  removeIfExists,
  selfCommand,
  writeFileAtomic,
} from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import type { Agent, OwnerLogin } from "../runtimes/mod.ts";
import { diskSeam, type Policy, resolvePath } from "../scope/mod.ts";

/** A renewal is not cut off lightly: one that is lost on its way ends the owner's login. */
const LIMIT_MS = 60_000;
const MAX_OUTPUT = 1024 * 1024;
const LOOK_MS = 100;

/** See the module comment. */
export class LoginKeeper {
  readonly #running = new Map<string, Promise<void>>();

  constructor(private readonly log: Logger) {}

  /**
   * Makes sure that the login holds for a while; never rejects: the turn tells of a login that ended.
   *
   * @param binary Finds the agent's program.
   */
  async keep(settings: Settings, agent: Agent, binary: () => Promise<string>): Promise<void> {
    const { ownerLogin: login, name } = agent;
    if (!login || !isDue(login)) return;
    const running = this.#running.get(name) ?? this.#renew(settings, agent, login, binary);
    this.#running.set(name, running);
    await running;
  }

  async #renew(
    settings: Settings,
    agent: Agent,
    login: OwnerLogin,
    binary: () => Promise<string>,
  ): Promise<void> {
    const temp = join(settings.paths.run, `login-${crypto.randomUUID()}`);
    const over = new AbortController();
    try {
      ensurePrivateDir(join(temp, "tmp"));
      const policy = join(temp, "policy.json");
      const text = JSON.stringify(policyOf(settings, agent, join(temp, "tmp")));
      writeFileAtomic(policy, text, { sync: false });
      await runCommand({
        self: selfCommand(),
        policy,
        argv: [await binary(), ...login.args],
        env: environmentOf(),
        input: login.input,
        holdInput: renewed(login, over.signal),
        limitMs: LIMIT_MS,
        maxOutput: MAX_OUTPUT,
      });
      if (isDue(login)) this.log.warn(`The login of ${agent.label} could not be renewed`);
      else this.log.info(`Renewed the owner's login of ${agent.label}`);
    } catch (error) {
      const fields = { agent: agent.name, error: errorText(error) };
      this.log.warn("Cannot renew the owner's login", fields);
    } finally {
      over.abort();
      this.#running.delete(agent.name);
      removeIfExists(temp, { recursive: true });
    }
  }
}

function isDue({ expiresAt, renewBeforeMs }: OwnerLogin): boolean {
  const end = expiresAt(Deno.env.toObject());
  return end !== null && end - Date.now() < renewBeforeMs;
}

/** Resolves when the login is another one, or half of the time is over. */
async function renewed(login: OwnerLogin, over: AbortSignal): Promise<void> {
  const until = Date.now() + LIMIT_MS / 2;
  while (isDue(login) && !over.aborted && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The one box in which the owner's configuration directory may be changed: no agent is in it. */
function policyOf({ sandbox, userHome, paths }: Settings, agent: Agent, tmpDir: string): Policy {
  const config = agent.ownerLogin?.directory(Deno.env.toObject()) ??
    join(userHome, agent.configDir);
  const real = (path: string) => resolvePath(path, diskSeam);
  const workdir = real(tmpDir);
  return {
    version: 1,
    mode: sandbox.mode,
    workdir,
    roots: [workdir],
    boxes: {
      command: {
        write: [real(config), workdir],
        read: [real(paths.agents), workdir],
        denyRead: [real(paths.home)],
        denyWrite: [],
        tmpDir: workdir,
      },
    },
  };
}

/** What reaches the login's server: proxies and certificates, and no key. */
function environmentOf(): Record<string, string> {
  const wanted =
    /^(PATH|HOME|USER|LOGNAME|LANG|DENO_DIR|(?:https?|all|no)_proxy|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|CLAUDE_CONFIG_DIR)$/i;
  return {
    ...Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([n]) => wanted.test(n))),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
  };
}
