import { strToU8, zipSync } from "fflate";
import { assert, assertEquals, assertMatch } from "../../../tests/support/assert.ts";
import { executeRequest } from "../../protocol/mod.ts";
import { fetchSkills, wantedSkills } from "./skills.ts";

interface Server {
  readonly base: string;
  readonly seen: string[];
  readonly packages: Map<string, Uint8Array>;
}

async function withServer(test: (server: Server, dir: string) => Promise<void>): Promise<void> {
  const seen: string[] = [];
  const packages = new Map<string, Uint8Array>();
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  await using http = Deno.serve(options, (request) => {
    const url = new URL(request.url);
    seen.push(`${url.pathname}${url.search} ${request.headers.get("authorization")}`);
    if (url.pathname === "/api/v1/kinds/skills") {
      const metadata = { namespace: "team", labels: { id: 9 } };
      const items = url.searchParams.get("name") === "found" ? [{ metadata }] : [];
      return Response.json({ items });
    }
    const body = packages.get(url.pathname.split("/").at(-2) ?? "");
    return body ? new Response(new Uint8Array(body)) : new Response("no", { status: 404 });
  });
  const dir = Deno.makeTempDirSync();
  try {
    await test({ base: `http://127.0.0.1:${http.addr.port}/`, seen, packages }, dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function request(fields: Record<string, unknown>) {
  return executeRequest.parse({ task_id: 7, subtask_id: 8, auth_token: "tok", ...fields });
}

const skill = (name: string) =>
  zipSync({
    [`${name}/SKILL.md`]: strToU8(`# ${name}`),
    [`${name}/bin/run.sh`]: strToU8("x"),
    "__MACOSX/x": strToU8(""),
  });

Deno.test("wantedSkills() names each skill once, and none that is no safe directory", () => {
  const bot = [{ skills: ["a", "b"] }, { skills: ["c"] }];
  const more = { skill_names: ["b", "../x", ".hidden", 7], preload_skills: ["d"] };
  assertEquals(wantedSkills(request({ bot, ...more })), ["a", "b", "d"]);
  assertEquals(wantedSkills(request({ bot, mode: "coordinate" })), ["a", "b", "c"]);
});

Deno.test("fetchSkills() unpacks skills by id or by name and leaves what is there", () =>
  withServer(async ({ base, seen, packages }, dir) => {
    packages.set("5", skill("known"));
    packages.set("9", skill("found"));
    Deno.mkdirSync(`${dir}/skills/mine`, { recursive: true });
    const notes = await fetchSkills({
      request: request({
        bot: [{
          skills: ["known", "found", "mine"],
          skill_refs: { known: { skill_id: 5, namespace: "n" } },
        }],
      }),
      skillsDir: `${dir}/skills`,
      downloadBase: base,
      signal: new AbortController().signal,
    });
    assertEquals(notes, []);
    assertEquals(Deno.readTextFileSync(`${dir}/skills/known/SKILL.md`), "# known");
    assertEquals(Deno.readTextFileSync(`${dir}/skills/found/bin/run.sh`), "x");
    assertEquals([...Deno.readDirSync(`${dir}/skills`)].map((e) => e.name).sort(), [
      "found",
      "known",
      "mine",
    ]);
    assertEquals(seen, [
      "/api/v1/kinds/skills/5/download?namespace=n&task_id=7 Bearer tok",
      "/api/v1/kinds/skills?name=found&namespace=default&task_id=7 Bearer tok",
      "/api/v1/kinds/skills/9/download?namespace=team&task_id=7 Bearer tok",
    ]);
  }));

Deno.test("fetchSkills() says which skill it could not have, and leaves nothing of it", () =>
  withServer(async ({ base, packages }, dir) => {
    packages.set("1", strToU8("no archive"));
    packages.set(
      "2",
      zipSync({ "escape/../../evil": strToU8("x"), "escape/SKILL.md": strToU8("x") }),
    );
    packages.set("3", zipSync({ "other/SKILL.md": strToU8("x") }));
    const refs = Object.fromEntries(
      ["broken", "escape", "empty"].map((name, i) => [name, { skill_id: i + 1 }]),
    );
    const notes = await fetchSkills({
      request: request({
        bot: [{ skills: ["broken", "escape", "empty", "unknown"], skill_refs: refs }],
      }),
      skillsDir: `${dir}/skills`,
      downloadBase: base,
      signal: new AbortController().signal,
    });
    assertEquals(notes.length, 4);
    assertMatch(notes[1] ?? "", /"escape".*\.\./);
    assertMatch(notes[3] ?? "", /does not know it/);
    const left = (() => {
      try {
        return [...Deno.readDirSync(`${dir}/skills`)].length;
      } catch {
        // It was never made.
        return 0;
      }
    })();
    assertEquals(left, 0);
    assert([...Deno.readDirSync(dir)].every((entry) => entry.name === "skills"));
  }));
