/** Properties of the resolver over random trees full of links. */
import { assert, assertEquals } from "../../tests/support/assert.ts";
import { between, type Random, seeded } from "../../tests/support/random.ts";
import { openAllOfLibc } from "../platform/libc.ts";
import { decideWorkdir, type WorkdirContext } from "./decide.ts";

openAllOfLibc();

const TREES = 60;
const REQUESTS = 60;

function pick<T>(random: Random, list: readonly T[]): T {
  return list[between(random, 0, list.length - 1)]!;
}

/** A directory of nested directories, files and links that lead anywhere, also nowhere and in circles. */
function randomTree(random: Random, top: string): string[] {
  const dirs = [top];
  const all = [top];
  for (let i = 0; i < 30; i++) {
    const path = `${pick(random, dirs)}/${
      pick(random, ["a", "b", "ab", "a b", "é", "e\u0301", "A"])
    }`;
    if (all.includes(path)) continue;
    const kind = random();
    if (kind < 0.55) {
      Deno.mkdirSync(path);
      dirs.push(path);
    } else if (kind < 0.65) Deno.writeTextFileSync(path, "");
    else {
      const target = pick(random, [
        ...all,
        "..",
        "../..",
        ".",
        "nowhere",
        path,
        "/",
        "/etc",
        `${pick(random, dirs)}/../a`,
      ]);
      Deno.symlinkSync(target, path);
    }
    all.push(path);
  }
  return all;
}

function randomRequest(random: Random, all: readonly string[]): string {
  let path = pick(random, all);
  for (let i = between(random, 0, 4); i > 0; i--) {
    path += "/" + pick(random, ["a", "b", "ab", "..", ".", "", "é", "A", "x", "..a", "a/.."]);
  }
  return path;
}

/** What the disk says, without the resolver's own way of asking. */
function realDirectory(path: string): string | null {
  try {
    const real = Deno.realPathSync(path);
    return Deno.statSync(real).isDirectory ? real : null;
  } catch {
    // Whatever it is that cannot be resolved, it is no directory to work in.
    return null;
  }
}

Deno.test("decideWorkdir() accepts exactly the directories whose real place is inside a root", async () => {
  let [accepted, refused] = [0, 0];
  for (let seed = 1; seed <= TREES; seed++) {
    const random = seeded(seed);
    const top = Deno.realPathSync(Deno.makeTempDirSync());
    try {
      Deno.mkdirSync(`${top}/home/eh/ws`, { recursive: true });
      Deno.mkdirSync(`${top}/tree`);
      const all = randomTree(random, `${top}/tree`);
      const places = all.map(realDirectory).filter((path) => path?.startsWith(`${top}/tree`));
      const roots = [pick(random, places)!, pick(random, places)!, `${top}/gone`];
      const context: WorkdirContext = {
        workspaceRoot: `${top}/home/eh/ws`,
        allowedRoots: roots,
        userHome: `${top}/home`,
        executorHome: `${top}/home/eh`,
        deviceId: "d",
      };
      const realRoots = roots.map(realDirectory).filter((root) => root !== null);
      for (let i = 0; i < REQUESTS; i++) {
        const workdir = randomRequest(random, all);
        for (const policy of ["existing", "repo_bound"]) {
          const request = { taskId: 1, deviceId: null, workdir, policy };
          const decision = await decideWorkdir(request, context);
          const real = realDirectory(workdir);
          const isInside = (path: string) =>
            realRoots.some((root) =>
              root !== "/" && (path === root || path.startsWith(`${root}/`))
            );
          const label = `seed ${seed}: ${workdir} (${policy}) in ${roots.join(", ")}`;
          if (decision.kind === "directory") {
            accepted++;
            assert(isInside(decision.path), label);
            if (decision.exists) assertEquals(realDirectory(decision.path), decision.path, label);
            else assertEquals(real, null, label);
          } else {
            refused++;
            const code = decision.code;
            const inSystem = real !== null && (real === "/" || real.startsWith("/etc"));
            if (real !== null && isInside(real)) {
              // Only what is protected anyway may be refused there: the home, or what holds it.
              assert(
                inSystem || `${top}/home`.startsWith(real),
                `${label}: ${code} ${real} ${realRoots}`,
              );
            }
          }
        }
      }
    } finally {
      Deno.removeSync(top, { recursive: true });
    }
  }
  // The trees must be of a kind that asks the question.
  assert(accepted > 500 && refused > 500, `${accepted} accepted, ${refused} refused`);
});
