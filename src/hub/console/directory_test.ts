import { assertEquals, assertMatch } from "../../../tests/support/assert.ts";
import {
  choiceFields,
  choiceOf,
  choiceText,
  MANAGED,
  parseChoice,
  pathHint,
  repoName,
  shownPath,
  workdirText,
} from "./directory.ts";

const facts = {
  home: "/home/ann",
  workspace_root: "/home/ann/.wegent-executor/workspace",
  roots: ["~/Projects", "/srv/data/"],
};
const windows = {
  home: "C:\\Users\\Ann",
  workspace_root: "C:\\Users\\Ann\\.wegent-executor\\workspace",
  roots: ["~\\Projects"],
};

Deno.test("shownPath() writes the home as ~ by whole components", () => {
  assertEquals(shownPath("/home/ann/Projects/A", facts), "~/Projects/A");
  assertEquals(shownPath("/home/ann", facts), "~");
  assertEquals(shownPath("/home/anna/x", facts), "/home/anna/x");
  assertEquals(shownPath("/home/ann/x", null), "/home/ann/x");
  assertEquals(shownPath("C:\\Users\\Ann\\x", windows), "~\\x");
  assertEquals(shownPath("/x", { ...facts, home: "/" }), "/x");
});

Deno.test("pathHint() is silent inside the roots and speaks outside of them", () => {
  for (
    const path of [
      "",
      "~/Projects",
      "~/Projects/",
      "/home/ann/Projects/A/../B",
      "/srv/data",
      "/srv/data/x y",
      "/home/ann/.wegent-executor/workspace/7",
    ]
  ) assertEquals(pathHint(path, facts), null, path);
  for (
    const path of [
      "/etc",
      "~/Projects2",
      "~/Projects/../Documents",
      "/srv/data2",
      "/srv/data/../../etc",
      "/",
    ]
  ) assertMatch(pathHint(path, facts) ?? "", /^Outside .* roots add /, path);
  for (const path of ["/home/ann/My Docs", "~/My Docs"]) {
    assertMatch(pathHint(path, facts) ?? "", /roots add '\/home\/ann\/My Docs'$/);
  }
  assertMatch(pathHint("/home/ann/docs", facts) ?? "", /roots add ~\/docs$/);
  assertMatch(pathHint("Projects/A", facts) ?? "", /whole path/);
  assertMatch(pathHint("~ann/x", facts) ?? "", /whole path/);
  for (const home of ["~", "~/", "/home/ann/", "/home/ann/x/.."]) {
    assertMatch(pathHint(home, facts) ?? "", /home directory itself/, home);
  }
  assertEquals(pathHint("/etc", null), null);
  assertEquals(pathHint("c:/users/ann/projects/a", windows), null);
  assertMatch(pathHint("D:\\x", windows) ?? "", /^Outside/);
  assertMatch(pathHint("/x", windows) ?? "", /a drive/);
});

Deno.test("choiceFields() says nothing for a new managed conversation and all else in full", () => {
  assertEquals(choiceFields(null, true), {});
  assertEquals(choiceFields(MANAGED, true), {});
  assertEquals(choiceFields(MANAGED, false), { workdir_policy: "managed" });
  const typed = { workdir: " ~/a ", git_url: " https://git.example/a.git ", branch_name: "" };
  assertEquals(choiceFields(choiceOf("existing", typed), true), {
    workdir_policy: "existing",
    workdir: "~/a",
  });
  assertEquals(choiceFields(choiceOf("repo_bound", { ...typed, workdir: "" }), true), {
    workdir_policy: "repo_bound",
    git_url: "https://git.example/a.git",
  });
  assertEquals(choiceFields(choiceOf("chat", typed), true), { workdir_policy: "chat" });
});

Deno.test("parseChoice() reads back what was stored and nothing else", () => {
  const typed = { workdir: "~/a", git_url: "g", branch_name: "b" };
  for (const policy of ["managed", "existing", "repo_bound", "chat"] as const) {
    const choice = choiceOf(policy, typed);
    assertEquals(parseChoice(JSON.stringify(choice)), choice);
  }
  for (
    const text of [
      null,
      "",
      "{",
      "null",
      "5",
      "[]",
      "{}",
      '{"policy":"existing"}',
      '{"policy":"existing","workdir":5}',
      '{"policy":"repo_bound","workdir":"/a"}',
      '{"policy":"other"}',
    ]
  ) assertEquals(parseChoice(text), null, String(text));
});

Deno.test("workdirText() names the device's path, else what was asked for", () => {
  const asked = {
    policy: "repo_bound" as const,
    workdir: null,
    git_url: "git@git.example:team/app.git",
    branch_name: "main",
    path: null,
    origin: null,
    code: null,
    notice: null,
  };
  assertEquals(workdirText(null, facts), "Managed");
  assertEquals(workdirText({ ...asked, policy: null }, facts), "Managed");
  assertEquals(workdirText(asked, facts), "app (main)");
  assertEquals(workdirText({ ...asked, path: "/home/ann/x" }, facts), "~/x");
  assertEquals(choiceText({ ...MANAGED, policy: "chat" }, facts), "Dated folder");
  assertEquals(repoName("https://git.example/"), "git.example");
  assertEquals(repoName("/srv/git/app.git/"), "app");
});
