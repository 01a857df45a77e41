import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { credentialOf, gitEnvironment, usableToken, withGitConfig } from "./git_environment.ts";

const facts = { domain: null, token: "tok-123456", login: "mia" };

Deno.test("credentialOf() is for the host of the address, or for the token's own host alone", () => {
  const origins = (url: string | null, domain: string | null) =>
    credentialOf({ ...facts, url, domain })?.origins;
  assertEquals(origins("https://git.corp:8443/a/b", null), ["https://git.corp:8443"]);
  assertEquals(origins("https://git.corp/a/b", "git.corp"), ["https://git.corp"]);
  assertEquals(origins("http://git.corp:81/a/b", "GIT.corp"), [
    "http://git.corp:81",
    "https://git.corp",
  ]);
  assertEquals(origins("https://evil.org/a/b", "git.corp"), ["https://git.corp"]);
  assertEquals(origins("git@git.corp:a/b", null), ["https://git.corp"]);
  assertEquals(origins(null, "https://git.corp/"), ["https://git.corp"]);
  assertEquals(origins(null, null), undefined);
  assertEquals(origins(null, "-x"), undefined);
});

Deno.test("credentialOf() takes a password out of the address when there is no token", () => {
  const url = "https://bot:p%40ss@git.corp/a/b";
  const credential = credentialOf({ url, domain: null, token: "***", login: null });
  assertEquals(credential, { origins: ["https://git.corp"], login: "bot", token: "p@ss" });
  assertEquals(
    credentialOf({ url: "https://git.corp/a", domain: null, token: "", login: null }),
    null,
  );
});

Deno.test("usableToken() drops what servers send for none, and what would break git's protocol", () => {
  assertEquals([null, undefined, "", "  ", "***", "a\nhost=evil", "a\0b"].map(usableToken), [
    null,
    null,
    null,
    null,
    null,
    null,
    null,
  ]);
  assertEquals(usableToken(" x "), "x");
  const login = credentialOf({
    url: "https://h/a",
    domain: null,
    token: "t",
    login: "a\nhost=evil",
  });
  assertEquals(login?.login, "token");
});

Deno.test("gitEnvironment() names the repository and logs git and the server's tool in", () => {
  const env = gitEnvironment({
    ...facts,
    url: "https://u:p@gitlab.corp:8443/team/app.git",
    branch: "dev",
    repoId: "42",
  });
  assertEquals(env["GIT_URL"], "https://gitlab.corp:8443/team/app.git");
  assertEquals(env["GIT_DOMAIN"], "gitlab.corp:8443");
  assertEquals([env["GIT_REPO"], env["GIT_REPO_ID"], env["BRANCH_NAME"]], [
    "team/app",
    "42",
    "dev",
  ]);
  assertEquals([env["GITLAB_TOKEN"], env["GITLAB_HOST"]], ["tok-123456", "gitlab.corp:8443"]);
  assertEquals(env["GIT_CONFIG_COUNT"], "2");
  assertEquals(env["GIT_CONFIG_KEY_1"], "credential.https://gitlab.corp:8443.helper");
  assert(!env["GIT_CONFIG_VALUE_1"]?.includes("tok-123456"));
  const hub = gitEnvironment({ ...facts, url: "https://github.com/a/b" });
  assertEquals([hub["GH_TOKEN"], hub["GH_HOST"]], ["tok-123456", "github.com"]);
  const enterprise = gitEnvironment({ ...facts, url: "git@github.corp.example:a/b" });
  assertEquals([enterprise["GH_ENTERPRISE_TOKEN"], enterprise["GH_TOKEN"]], [
    "tok-123456",
    undefined,
  ]);
  assertEquals(gitEnvironment({ url: null, domain: null, token: null, login: null }), {});
});

Deno.test("gitEnvironment() continues configuration that is there, entries included", () => {
  const before = {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "a.b",
    GIT_CONFIG_VALUE_0: "c",
    X: "y",
  };
  const env = gitEnvironment({ ...facts, url: "https://h.org/a/b" }, before);
  assertEquals(env["GIT_CONFIG_COUNT"], "3");
  assertEquals(env["GIT_CONFIG_KEY_0"], "a.b");
  assertEquals(env["GIT_CONFIG_KEY_2"], "credential.https://h.org.helper");
  assertEquals(env["X"], undefined);
  assertEquals(withGitConfig({ GIT_CONFIG_COUNT: "x" }, [["k", "v"]])["GIT_CONFIG_KEY_0"], "k");
});
