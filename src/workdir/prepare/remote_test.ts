import { assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import {
  checkBranch,
  checkedRemote,
  maskAddress,
  normalizeRemote,
  parseRemote,
  repoName,
  sameRemote,
} from "./remote.ts";

Deno.test("sameRemote() ignores credentials, scheme, default port, case of the host and the ending", () => {
  const one = "https://git.example.com/Team/App";
  for (
    const other of [
      "https://git.example.com/Team/App.git",
      "https://GIT.Example.COM/Team/App/",
      "https://git.example.com:443/Team/App.git/",
      "http://git.example.com:80/Team/App",
      "https://user:pa%40ss@git.example.com/Team/App.git",
      "ssh://git@git.example.com/Team/App.git",
      "ssh://git@git.example.com:22//Team/App",
      "git@git.example.com:Team/App.git",
      "git.example.com:/Team/App",
      "git+ssh://git@git.example.com/Team/App",
      "git://git.example.com/Team/App",
      " https://git.example.com./Team/App ",
    ]
  ) assertEquals(normalizeRemote(other), normalizeRemote(one), other);
});

Deno.test("sameRemote() tells paths, hosts and ports apart, and trusts nothing it cannot read", () => {
  const one = "https://git.example.com/team/app";
  for (
    const other of [
      "https://git.example.com/Team/app",
      "https://git.example.com/team/app2",
      "https://git.example.com/team",
      "https://git.example.com:8443/team/app",
      "https://git.example.com.evil.org/team/app",
      "https://git.example.com@evil.org/team/app",
      "git@evil.org:git.example.com/team/app",
      "/team/app",
      "",
    ]
  ) assertEquals(sameRemote(one, other), false, other);
  assertEquals(sameRemote("/srv/a", "/srv/a"), false);
});

Deno.test("parseRemote() refuses what is no address of a server", () => {
  for (
    const address of [
      "ext::sh -c x",
      "ext::sh",
      "fd::7",
      "file:///etc",
      "/srv/git",
      "./x",
      "C:/repo",
      "C:\\repo",
      "\\\\host\\share",
      "-oProxyCommand=x",
      "--upload-pack=x",
      "-u:x",
      "ssh://-oProxyCommand=x/y",
      "-oX@host:path",
      "git@-host:path",
      "git@host:-path",
      "https://host/a\nb",
      "https://host/$(x)",
      "git@host:`x`",
      "https://",
      "https://host",
      "https://host/.git",
      "ftp://host/x",
      "javascript://host/x",
      "x".repeat(3000),
    ]
  ) assertEquals(parseRemote(address), null, address);
});

Deno.test("parseRemote() keeps no password and no web user in the address for git", () => {
  const parsed = parseRemote("https://mia:s3cret@git.example.com:8443/a/b.git?x=1");
  assertEquals(parsed?.url, "https://git.example.com:8443/a/b.git?x=1");
  assertEquals([parsed?.user, parsed?.password], ["mia", "s3cret"]);
  assertEquals(parseRemote("ssh://git:pw@host:2222/a")?.url, "ssh://git@host:2222/a");
  assertEquals(parseRemote("git@host:a/b.git")?.url, "git@host:a/b.git");
  assertEquals(parseRemote("ssh://git@[::1]:2222/a")?.host, "[::1]");
});

Deno.test("checkedRemote() names the address without its credentials", () => {
  const error = assertThrows(() => checkedRemote("ftp://mia:s3cret@host/x"), AppError);
  assertEquals(error.message.includes("s3cret"), false);
  assertEquals(
    maskAddress("to https://a:b@h/x and ssh://u@h"),
    "to https://***@h/x and ssh://***@h",
  );
});

Deno.test("repoName() is a safe name on every file system", () => {
  const names: Record<string, string> = {
    "https://h/team/my-app.git": "my-app",
    "git@h:solo.git": "solo",
    "https://h/a/b%2f..%2f..": "repository",
    "https://h/a/..": "repository",
    "https://h/a/.wegent": "wegent",
    "https://h/a/CON.git": "_CON",
    "https://h/a/a%3Ab%2Ac": "a_b_c",
    "https://h/a/%E9%A1%B9%E7%9B%AE": "项目",
    "not an address": "repository",
  };
  for (const [address, name] of Object.entries(names)) {
    assertEquals(repoName(address), name, address);
  }
  assertEquals(
    new TextEncoder().encode(repoName(`https://h/${"é".repeat(200)}`)).length <= 100,
    true,
  );
});

Deno.test("checkBranch() takes what git takes and nothing that looks like an option", () => {
  for (const branch of ["main", "feature/x-1", "v1.2", "юг", "a@b"]) checkBranch(branch);
  for (
    const branch of [
      "",
      "-b",
      "--x",
      "/a",
      "a/",
      ".a",
      "a/.b",
      "a..b",
      "a b",
      "a~1",
      "a^",
      "a:b",
      "a?",
      "a*",
      "a[",
      "a\\b",
      "a.lock",
      "a.lock/b",
      "a.",
      "@",
      "a@{1}",
      "a//b",
      "a\nb",
      "x".repeat(256),
    ]
  ) assertThrows(() => checkBranch(branch), AppError, "name of a branch");
});
