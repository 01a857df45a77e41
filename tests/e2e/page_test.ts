/** The hub's page in real Chromium, with a device and the real Claude CLI behind it. */
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { browserReason, startBrowser } from "../support/browser.ts";
import { say, script } from "../support/model.ts";
import { guardedTest } from "../support/require.ts";
import { createWorld } from "../support/world.ts";
import { LONG, until } from "./fixture.ts";
import { withHub } from "./hub_fixture.ts";

const unchecked = { sanitizeOps: false, sanitizeResources: false };

guardedTest({
  name: "the page: sign in, chat, streaming, cancel, retry and follow-up",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withHub(async ({ hub, model, password }) => {
      await using browser = await startBrowser({ stepMs: LONG });
      const page = await browser.open(hub.url);
      await page.getByTestId("username").fill("admin");
      await page.getByTestId("password").fill("wrong");
      await page.getByTestId("sign-in-submit").click();
      assertMatch(
        await page.getByTestId("sign-in-error").innerText(),
        /Invalid username or password/,
      );
      await page.getByTestId("password").fill(password);
      await page.getByTestId("sign-in-submit").click();

      const devices = page.getByTestId("device-list");
      await devices.getByText("0/5 slots in use").waitFor();

      // A chat whose text streams in, seen before it is whole.
      const text = Array.from({ length: 40 }, (_, i) => `word${i}`).join(" ");
      const input = page.getByTestId("composer-input");
      await input.fill(`Hello ${script(say(text, { chunks: 40, gapMs: 100 }))}`);
      await input.press("Enter");
      const answer = page.getByTestId("block-text").last();
      await answer.getByText(/word3/).waitFor();
      const partial = await answer.innerText();
      assert(!partial.includes("word39"), "text is shown before the answer is whole");
      await devices.getByText("1/5 slots in use").waitFor();
      await answer.getByText(/word39/).waitFor();
      assertEquals((await answer.innerText()).trim(), text);
      await devices.getByText("0/5 slots in use").waitFor();

      // A follow-up in the same conversation, cancelled in the middle.
      await input.fill(`More ${script(say("x".repeat(200), { chunks: 200, gapMs: 100 }))}`);
      await page.getByTestId("send").click();
      await page.getByTestId("block-text").last().getByText(/x{3}/).waitFor();
      await page.getByTestId("cancel").click();
      await page.getByText("Cancelled").first().waitFor();
      const requests = model.scripted().length;

      // Retry runs the same turn again.
      await page.locator('[data-testid^="retry-"]').last().click();
      await until(() => model.scripted().length > requests, "the retried request");
      await page.getByTestId("cancel").click();
      await page.getByText("Cancelled").first().waitFor();

      // Everything is there after a reload.
      await page.reload();
      await page.locator('[data-testid^="task-"]').first().click();
      await page.getByTestId("block-text").first().getByText(/word39/).waitFor();
      assertEquals(browser.messages.filter((m) => m.startsWith("uncaught")), []);
    }),
});

guardedTest({
  name: "the page behind the one-time link: demo banner, tool blocks, a file that is really made",
  needs: browserReason,
  ...unchecked,
  async fn() {
    await using world = await createWorld();
    const program = world.start(["up", "--no-open", "--port", "0"]);
    const line = (await program.waitForLine(/Open {2}http/, LONG)).text;
    const link = line.replace(/.*Open {2}/, "").trim();
    await using browser = await startBrowser({ stepMs: LONG });
    const page = await browser.open(link);
    assertMatch(
      await page.getByTestId("demo-banner").innerText(),
      /demo model: scripted answers, no AI/,
    );
    const input = page.getByTestId("composer-input");
    await input.fill("create hello.txt with a greeting, then show it");
    await input.press("Enter");
    await page.getByTestId("tool-block").nth(1).waitFor();
    await page.getByTestId("device-list").getByText("0/5 slots in use").waitFor();
    const made = [...Deno.readDirSync(world.workspace)].map((e) =>
      `${world.workspace}/${e.name}/hello.txt`
    );
    assertEquals(made.length, 1);
    assert(Deno.readTextFileSync(made[0]!).length > 0);

    // The link works once.
    const again = await browser.open(link);
    await again.evaluate(() => localStorage.clear());
    await again.goto("about:blank");
    await again.goto(link);
    await again.getByTestId("sign-in-form").waitFor();
  },
});
