import { assertEquals } from "../../tests/support/assert.ts";
import { proxyFor } from "./mod.ts";

Deno.test("proxyFor() chooses by scheme, lower-case names first", () => {
  const env = {
    http_proxy: "http://a:1",
    HTTP_PROXY: "http://b:2",
    HTTPS_PROXY: "c:3",
    ALL_PROXY: "http://d:4",
  };
  assertEquals(proxyFor("http://example.com", env), "http://a:1");
  assertEquals(proxyFor("wss://example.com", env), "http://c:3");
  assertEquals(
    proxyFor("https://example.com", { all_proxy: "http://d:4" }),
    "http://d:4",
  );
  assertEquals(proxyFor("https://example.com", {}), null);
});

Deno.test("proxyFor() goes directly to NO_PROXY hosts and to loopback", () => {
  const env = (NO_PROXY: string) => ({ HTTP_PROXY: "http://p:1", NO_PROXY });
  for (
    const list of [
      "*",
      "example.com",
      ".example.com",
      "*.example.com",
      "x, w.example.com:80",
    ]
  ) {
    assertEquals(proxyFor("http://w.example.com", env(list)), null, list);
  }
  for (const list of ["", "ample.com", "w.example.com:81"]) {
    assertEquals(
      proxyFor("http://w.example.com", env(list)),
      "http://p:1",
      list,
    );
  }
  for (const host of ["127.0.0.1:8000", "localhost", "[::1]:80"]) {
    assertEquals(proxyFor(`http://${host}`, env("")), null, host);
  }
});
