import { assert, assertEquals } from "./assert.ts";
import { browserReason, startBrowser } from "./browser.ts";
import { allProcesses } from "./processes.ts";
import { guardedTest, inCi, skipOrFail } from "./require.ts";

const PAGE = `<!doctype html><h1>Hello</h1><input id="name">
<button onclick="setTimeout(() => out.textContent = 'Hi ' + document.querySelector('input').value, 50)">Go</button>
<p id="out"></p><script>console.log('ready')</script>`;

guardedTest({
  name: "startBrowser() drives real Chromium and leaves no process",
  needs: browserReason,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response(PAGE, { headers: { "content-type": "text/html" } }),
    );
    let profile = "";
    try {
      await using browser = await startBrowser();
      profile = browser.profile;
      const page = await browser.open(`http://127.0.0.1:${server.addr.port}/`);
      await page.fill("#name", "there");
      await page.click("button");
      await page.waitForSelector("text=Hi there");
      assertEquals(await page.evaluate("1 + 1"), 2);
      assert(browser.messages.includes("log: ready"));
      assert((await page.screenshot()).length > 1000);
    } finally {
      await server.shutdown();
    }
    assertEquals(allProcesses().filter(({ command }) => command.includes(profile)), []);
  },
});

Deno.test("skipOrFail() fails where everything has to run", () => {
  const before = Deno.env.get("CI");
  try {
    Deno.env.set("CI", "true");
    assert(inCi());
    let message = "";
    try {
      skipOrFail("no moon");
    } catch (error) {
      message = String(error);
    }
    assert(message.includes("no moon"));
  } finally {
    if (before === undefined) Deno.env.delete("CI");
    else Deno.env.set("CI", before);
  }
});
