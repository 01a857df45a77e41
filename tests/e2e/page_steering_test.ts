/** Speaking to a turn that runs, in the page: real Chromium; for the last parts the real device and CLIs. */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "../support/assert.ts";
import { browserReason, type Page, startBrowser } from "../support/browser.ts";
import { StubRun, until, type Wire } from "../support/hub_fixture.ts";
import { sendFrom, shot, signIn, unchecked, withPage } from "../support/hub_page.ts";
import { callTool, say, script } from "../support/model.ts";
import { guardedTest } from "../support/require.ts";
import { script as codexScript } from "../support/responses_model.ts";
import { LONG } from "./fixture.ts";
import { withHub } from "./hub_fixture.ts";

/** What the last answer consists of, from top to bottom. */
async function story(page: Page): Promise<string[]> {
  return await page.locator("article.assistant").last().evaluate((article) =>
    [...article.children].flatMap((child) => {
      const inner = child.querySelector<HTMLElement>("[data-testid=tool-block]");
      const kind = inner?.dataset["testid"] ?? (child as HTMLElement).dataset["testid"] ?? "";
      if (kind === "tool-block") return ["tool"];
      if (!/^(block-text|block-input|input-)/.test(kind)) return [];
      return [`${kind}: ${(child as HTMLElement).innerText.split("\n")[0]?.trim()}`];
    })
  );
}

guardedTest({
  name: "page: a message to a running turn waits, is read, or is not read and put back",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ hub, page, device }) => {
      device.socket.on("task:steer", (_message: Wire, ack) => ack({ success: true }));
      const run = new StubRun(device, await sendFrom({ page, device }, "go"));
      await run.text("I begin.\n\n");
      const input = page.getByTestId("composer-input");
      const cancel = page.getByTestId("cancel");
      await cancel.waitFor();
      assertEquals(await page.getByTestId("send").isEnabled(), false);
      await input.fill("Use the blue one");
      await shot(page, "steer-typing");
      await input.press("Enter");
      assertEquals(await input.inputValue(), "");
      const told = await device.event("task:steer");
      assertEquals(told.text, "Use the blue one");
      await page.getByTestId("input-pending").getByText("Use the blue one").waitFor();
      await shot(page, "steer-pending");
      await run.send("response.input.added", { input_id: told.input_id, text: told.text });
      await page.getByTestId("block-input").getByText("Use the blue one").waitFor();
      await page.getByTestId("input-pending").waitFor({ state: "detached" });
      await run.text("Blue it is.");
      await input.fill("And a red border");
      await page.getByTestId("send").click();
      await page.getByTestId("input-pending").waitFor();
      // The same after a reload, while it waits and when it was left unread.
      await page.reload();
      await page.getByTestId("input-pending").getByText("And a red border").waitFor();
      await run.complete("I begin. Blue it is.");
      await page.getByTestId("input-unread").getByText("Not read before the turn ended").waitFor();
      assertEquals(await story(page), [
        "block-text: I begin.",
        "block-input: Use the blue one",
        "block-text: Blue it is.",
        "input-unread: And a red border",
      ]);
      await page.reload();
      await page.getByTestId("input-unread").waitFor();
      await input.fill("Also:");
      await shot(page, "steer-unread");
      await page.getByTestId("input-take-back").focus();
      await page.keyboard.press("Enter");
      await page.getByTestId("input-unread").waitFor({ state: "detached" });
      assertEquals(await input.inputValue(), "Also:\n\nAnd a red border");
      assertEquals(await page.evaluate("document.activeElement.dataset.testid"), "composer-input");
      await input.press("Enter");
      const next = await device.event(
        "task:execute",
        (r) => r.subtask_id !== run.request.subtask_id,
      );
      assertEquals(next.prompt, "Also:\n\nAnd a red border");
      assertEquals(hub.server.core.store.inputs.unread(run.request.subtask_id), []);
    }, { register: { features: ["steer"] } }),
});

guardedTest({
  name: "page: the composer says why nothing can be said to a running turn; on a phone",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ page, device }) => {
      const run = new StubRun(device, await sendFrom({ page, device }, "go"));
      const why = page.getByTestId("composer-why");
      await why.getByText("takes no messages while a turn runs").waitFor();
      const input = page.getByTestId("composer-input");
      await input.fill("later");
      await input.press("Enter");
      assertEquals(await page.getByTestId("send").isEnabled(), false);
      assertEquals(await input.inputValue(), "later");
      await shot(page, "steer-why-phone");
      // A newer device takes them, but no files.
      await device.register({ features: ["steer"] });
      await why.waitFor({ state: "detached" });
      await page.getByTestId("attach-input").setInputFiles([
        { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("x") },
      ]);
      await why.getByText("Files can be sent when the turn has ended").waitFor();
      assertEquals(await page.getByTestId("send").isEnabled(), false);
      const [cancel, send] = await Promise.all(
        ["cancel", "send"].map((id) => page.getByTestId(id).boundingBox()),
      );
      assert(cancel && send && Math.abs(cancel.y - send.y) < 2 && send.x + send.width <= 375);
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 375);
      await run.complete("ok");
      await page.getByTestId("cancel").waitFor({ state: "detached" });
      await input.press("Enter");
      const request = await device.event("task:execute", (r) => r.attachments.length === 1);
      assert(request.prompt.startsWith("later"));
    }, { viewport: { width: 375, height: 740 } }),
});

guardedTest({
  name: "page: Claude and Codex read what is said while they work",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withHub(async (fixture) => {
      const { hub, model, codex } = fixture;
      await using browser = await startBrowser({ stepMs: LONG });
      const page = await browser.open(hub.url);
      await signIn(page, fixture.password);
      const input = page.getByTestId("composer-input");
      const begin = async (text: string) => {
        await input.fill(text);
        await input.press("Enter");
        await page.locator('[data-testid="tool-block"]').last().waitFor();
      };
      const tell = async (text: string) => {
        await input.fill(text);
        await input.press("Enter");
        await page.getByTestId("block-input").getByText(text).waitFor();
      };

      await begin(script(
        callTool("Bash", { command: "sleep 4; echo hi", description: "Waits" }),
        say("Claude is done."),
      ));
      await tell("Use the blue one");
      await page.getByTestId("block-text").getByText("Claude is done.").waitFor();
      await page.getByTestId("cancel").waitFor({ state: "detached" });
      assertEquals(await story(page), [
        "tool",
        "block-input: Use the blue one",
        "block-text: Claude is done.",
      ]);
      assert(JSON.stringify(model.scripted().at(-1)?.body).includes("Use the blue one"));
      await shot(page, "steer-claude");

      await page.getByTestId("new-conversation").click();
      await page.getByTestId("agent-picker").selectOption("codex");
      await begin(codexScript(
        { tools: [{ name: "exec_command", input: { cmd: "sleep 4; echo hi" } }] },
        { text: "Codex is done." },
      ));
      await tell("Use the red one");
      await page.getByTestId("block-text").getByText("Codex is done.").waitFor();
      await page.getByTestId("cancel").waitFor({ state: "detached" });
      await until(
        () => JSON.stringify(codex.log.at(-1)?.body).includes("Use the red one"),
        "the message at the model",
      );
      assert((await story(page)).includes("block-input: Use the red one"));

      // At the end of a turn there is nobody to read it: it comes back.
      await page.getByTestId("new-conversation").click();
      await page.getByTestId("agent-picker").selectOption("claude");
      await begin(script(
        callTool("Bash", { command: "sleep 60", description: "Waits" }),
        say("never"),
      ));
      await input.fill("Too late");
      await input.press("Enter");
      await page.getByTestId("cancel").click();
      await page.getByTestId("input-unread").getByText("Too late").waitFor();
      await page.getByTestId("input-take-back").click();
      await until(async () => await input.inputValue() === "Too late", "the text in the composer");
    }, { codex: true }),
});
