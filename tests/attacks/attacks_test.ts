/**
 * The attack suite: every attack with all fences up, then with each single fence switched off, as root
 * and as an ordinary user. What gets through then is part of the case, so the table in
 * `docs/sandbox.md` stays true.
 */
import { landlockAbi } from "../../src/scope/landlock.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { openAllOfLibc } from "../../src/platform/libc.ts";
import { guardedTest } from "../support/require.ts";
import {
  InstalledProgram,
  SandboxWorld,
  type WorldUser,
  worldUsers,
} from "../support/sandbox_world.ts";
import { Arena, type Outcome } from "./arena.ts";
import { type Attack, type Fence, FENCES, opensFor } from "./attack.ts";
import { ATTACKS } from "./cases.ts";
import { Driver, installDriver } from "./driver.ts";
import { PAGE, withTables } from "./table.ts";

openAllOfLibc();

/** Attacks at the same time: more than processors, since they wait a lot. */
const AT_ONCE = 4;

const ABI = landlockAbi();

/** Runs all attacks of `user` with `off` and returns what was not as the case says. */
async function runAll(user: WorldUser, off: Fence | null): Promise<string[]> {
  using program = new InstalledProgram();
  using home = new SandboxWorld(user, program);
  await using driver = new Driver(await installDriver(program), home);
  const waiting = ATTACKS.filter(({ only }) => only === undefined || only === user);
  const wrong: string[] = [];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let attack = waiting.shift(); attack; attack = waiting.shift()) {
      const arena = new Arena(user, program, off, driver);
      const fault = await arena.run(attack).then(
        (outcome) => judge(attack, user, off, outcome),
        (error) => `"${attack.name}" could not be tried: ${error.stack}`,
      );
      if (fault) wrong.push(fault);
    }
  }));
  return wrong;
}

/** Null when the outcome is what the case says. */
function judge(
  attack: Attack,
  user: WorldUser,
  off: Fence | null,
  { through, changed, ended, notes }: Outcome,
): string | null {
  const open = attack.stops === "nothing";
  const wanted = open || (off !== null && opensFor(attack, user).includes(off));
  // A trick that this machine does not know at all proves nothing, but is no fault either.
  const fits = through === wanted || (attack.machine === true && wanted && !through);
  const clean = off !== null || open || changed.length === 0;
  if (fits && clean) return null;
  return `"${attack.name}" ${through ? "got through" : "was stopped"}, changed ${
    changed.join(", ") || "nothing"
  }; ${notes.join("; ")}; status ${ended.code}; ${ended.stdout.slice(0, 300)} ${
    ended.stderr.slice(0, 500)
  }`;
}

for (const user of worldUsers()) {
  for (const off of [null, ...FENCES]) {
    guardedTest({
      name: `attacks (${user}): ${off ? `what gets through without the ${off}` : "all fences up"}`,
      needs: () => ABI >= 6 ? undefined : `Landlock ABI 6 is needed, this kernel has ${ABI}`,
      fn: async () => assertEquals(await runAll(user, off), []),
    });
  }
}

Deno.test("attacks: enough of them, each once, and each fence matters", () => {
  const names = ATTACKS.map(({ name, stops }) => `${stops} ${name}`);
  assertEquals(new Set(names).size, names.length);
  assert(ATTACKS.length >= 60);
  const only = (fence: Fence) =>
    ATTACKS.filter(({ stops, opens }) => stops === fence && opens.join() === fence).length;
  assert(only("os") >= 15, `${only("os")} are stopped by the OS alone`);
  for (const fence of FENCES) assert(only(fence) > 0, `Nothing is stopped by the ${fence} alone`);
  for (const { name, stops, opens } of ATTACKS) {
    assert(
      opens.every((fence) => fence === stops),
      `"${name}" opens with a fence that is not its own`,
    );
  }
});

Deno.test("attacks: the tables of docs/sandbox.md are these attacks", () => {
  const page = Deno.readTextFileSync(PAGE);
  assertEquals(page, withTables(page), "Run tests/attacks/table.ts");
});
