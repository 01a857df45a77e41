import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { browserReason, type Page, startBrowser } from "../../../tests/support/browser.ts";
import { HubFixture, StubRun, until } from "../../../tests/support/hub_fixture.ts";
import { guardedTest } from "../../../tests/support/require.ts";

const unchecked = { sanitizeOps: false, sanitizeResources: false };

/** A signed-in page with one device; the hub keeps its tasks through long tests. */
async function signedIn(
  hub: HubFixture,
  browser: Awaited<ReturnType<typeof startBrowser>>,
): Promise<Page> {
  const page = await browser.open(hub.server.core.issueLoginLink());
  await page.getByTestId("composer-input").waitFor();
  return page;
}

guardedTest({
  name: "the page never turns a model's output into markup",
  needs: browserReason,
  ...unchecked,
  async fn() {
    await using hub = await HubFixture.start();
    await using browser = await startBrowser();
    const { key } = await hub.user("admin");
    const device = await hub.device(key, "dev-1");
    const page = await signedIn(hub, browser);
    const evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
    await page.getByTestId("composer-input").fill(evil);
    await page.getByTestId("composer-input").press("Enter");
    const run = new StubRun(device, await device.event("task:execute"));
    await run.send("response.reasoning_summary_text.delta", { delta: evil });
    await run.text(
      `${evil}\n\n# ${evil}\n\n[x](javascript:window.hacked=1) **${evil}**\n\n\`\`\`html\n${evil}\n\`\`\``,
    );
    await run.send("response.output_item.added", {
      item: { type: "function_call", id: "t1", name: evil },
    });
    await run.send("response.output_item.done", {
      item: { type: "function_call", id: "t1", status: "completed", output: evil },
    });
    await run.send("error", { message: evil, code: "execution_error" });
    await page.locator('[data-status="FAILED"]').waitFor();
    await page.getByTestId("tool-block").locator("summary").click();
    await page.getByTestId("tool-output").waitFor();
    await page.getByTestId("block-thinking").locator("summary").click();
    assertEquals(
      await page.locator(".main img, .main script, .main a[href^=javascript]").count(),
      0,
    );
    assertEquals(await page.evaluate(() => (globalThis as { hacked?: number }).hacked), undefined);
    assert((await page.getByTestId("tool-output").innerText()).includes(evil));
  },
});

guardedTest({
  name: "the page follows a turn through a restart of the hub and loses nothing",
  needs: browserReason,
  ...unchecked,
  async fn() {
    await using hub = await HubFixture.start();
    await using browser = await startBrowser({ stepMs: 20_000 });
    const { key } = await hub.user("admin");
    const device = await hub.device(key, "dev-1");
    const page = await signedIn(hub, browser);
    await page.getByTestId("composer-input").fill("go");
    await page.getByTestId("send").click();
    const run = new StubRun(device, await device.event("task:execute"));
    await run.text("one ");
    await page.getByTestId("block-text").getByText("one").waitFor();
    await hub.server.close();
    await page.locator('[data-testid=connection-state][data-state="lost"]').waitFor();
    await hub.serve();
    const again = await hub.device(key, "dev-1");
    const more = new StubRun(again, run.request, run.session);
    more.seq = run.seq;
    await more.text("two ");
    await page.locator('[data-testid=connection-state][data-state="online"]').waitFor({
      state: "attached",
    });
    await more.text("three");
    await page.getByTestId("block-text").getByText("one two three").waitFor();
    await more.complete("one two three");
    await page.locator('[data-status="COMPLETED"]').waitFor();
    assertEquals((await page.getByTestId("block-text").innerText()).trim(), "one two three");
  },
});

guardedTest({
  name: "the page shows devices, queue and slots, and its keys work",
  needs: browserReason,
  ...unchecked,
  async fn() {
    await using hub = await HubFixture.start({ provider: "demo" });
    await using browser = await startBrowser();
    const { key } = await hub.user("admin");
    const device = await hub.device(key, "dev-1");
    await hub.device(key, "dev-2");
    const page = await signedIn(hub, browser);
    assertEquals(
      await page.getByTestId("demo-banner").locator("span").innerText(),
      "demo model: scripted answers, no AI",
    );
    const input = page.getByTestId("composer-input");
    await input.fill("first line");
    await input.press("Shift+Enter");
    await input.pressSequentially("second line");
    await input.press("Enter");
    const request = await device.event("task:execute");
    assertEquals(request.prompt, "first line\nsecond line");
    await device.beat([1, 2, 3, 4, 5].map((n) => n + 100), [request.task_id]);
    await page.getByTestId("slots-dev-1").getByText("5/5 slots in use, 1 queued").waitFor();
    assertEquals(await page.getByTestId("device-dev-1").getAttribute("data-status"), "busy");
    await page.getByText("Queued: waiting for a free slot").waitFor();
    assert((await page.getByTestId("device-dev-1").textContent())?.includes("🟡"));
    await page.getByTestId("device-star-dev-2").click();
    await page.locator('[data-testid=device-star-dev-2][aria-pressed="true"]').waitFor();
    assert((await page.getByTestId("device-dev-2").textContent())?.includes("⭐"));
    await page.getByTestId("device-star-dev-2").click();
    await page.locator('[data-testid=device-star-dev-2][aria-pressed="false"]').waitFor();
  },
});

guardedTest({
  name: "settings: a key is kept, never shown again",
  needs: browserReason,
  ...unchecked,
  async fn() {
    await using hub = await HubFixture.start();
    await using browser = await startBrowser();
    const page = await signedIn(hub, browser);
    await page.getByTestId("no-devices").waitFor();
    await page.getByTestId("settings-open").click();
    await page.getByTestId("provider-key").check();
    await page.getByTestId("settings-api-key").fill("sk-ant-secret-4711");
    await page.getByTestId("settings-save").click();
    await page.getByText("Saved.").waitFor();
    await page.keyboard.press("Escape");
    await page.reload();
    await page.getByTestId("settings-open").click();
    const field = page.getByTestId("settings-api-key");
    assertEquals(await field.inputValue(), "");
    assert((await field.getAttribute("placeholder"))?.includes("…4711"));
    assertEquals((await page.content()).includes("sk-ant-secret"), false);
  },
});

guardedTest({
  name: "a phone's width and a long conversation",
  needs: browserReason,
  ...unchecked,
  async fn() {
    await using hub = await HubFixture.start();
    await using browser = await startBrowser({ viewport: { width: 375, height: 700 } });
    const { key, token } = await hub.user("admin");
    const device = await hub.device(key, "dev-1");
    const sender = await hub.browser(token);
    let taskId: number | undefined;
    for (let i = 0; i < 60; i++) {
      device.events.length = 0;
      const sent = await sender.ask("chat:send", {
        message: `question ${i} ${"long".repeat(60)}`,
        ...(taskId && { task_id: taskId }),
      });
      taskId = sent.task_id;
      const run = new StubRun(device, await device.event("task:execute"));
      await run.text(
        `| a | b |\n|---|---|\n| ${"wide".repeat(40)} | 2 |\n\n\`${"code".repeat(50)}\`\n\n`,
      );
      await run.text(`answer ${i}\n\n\`\`\`\n${"x".repeat(300)}\n\`\`\`\n`.repeat(5));
      await run.complete("done");
    }
    const page = await signedIn(hub, browser);
    await page.getByTestId("menu").click();
    const started = performance.now();
    await page.getByTestId(`task-${taskId}`).click();
    await page.getByText("answer 59").first().waitFor();
    assert(performance.now() - started < 3000, "opening a long conversation takes too long");
    const width = await page.evaluate("document.documentElement.scrollWidth");
    assertEquals(width, 375);
    await until(
      () =>
        page.evaluate(
          "(() => { const s = document.querySelector('.scroll'); return s.scrollHeight - s.scrollTop - s.clientHeight < 100; })()",
        ),
      "the end of the conversation in view",
    );
    const send = await page.getByTestId("send").boundingBox();
    assert(send && send.x + send.width <= 375 && send.y + send.height <= 700);
  },
});
