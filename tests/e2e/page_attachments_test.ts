/** Files and pictures from the page to the agents: real Chromium, and for the last part device and CLIs. */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "../support/assert.ts";
import { browserReason, type Page, startBrowser } from "../support/browser.ts";
import { StubRun } from "../support/hub_fixture.ts";
import { shot, signIn, unchecked, withPage } from "../support/hub_page.ts";
import { callTool, say, script } from "../support/model.ts";
import { png } from "../support/picture.ts";
import { guardedTest } from "../support/require.ts";
import { script as codexScript } from "../support/responses_model.ts";
import { LONG } from "./fixture.ts";
import { withHub } from "./hub_fixture.ts";

const file = (name: string, mimeType: string, bytes: Uint8Array | string) => ({
  name,
  mimeType,
  buffer: Buffer.from(bytes),
});

/** Hands a file to the page as its clipboard or its desktop would. */
async function give(page: Page, how: "paste" | "drop", name: string, bytes: Uint8Array) {
  await page.evaluate(({ how, name, bytes }) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
    const area = document.querySelector("textarea")!;
    if (how === "paste") {
      area.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }),
      );
      return;
    }
    for (const type of ["dragenter", "dragover", "drop"]) {
      area.dispatchEvent(
        new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }),
      );
    }
  }, { how, name, bytes: [...bytes] });
}

/** Names of the chips that are uploaded. */
async function uploaded(page: Page, count: number): Promise<string[]> {
  const done = page.locator('[data-testid="upload"][data-state="done"]');
  await done.nth(count - 1).waitFor();
  assertEquals(await done.count(), count);
  return await done.locator(".name").allInnerTexts();
}

guardedTest({
  name: "page: files by button, paste and drop; chips, thumbnails, the picture, a download",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ hub, page, device }) => {
      const input = page.getByTestId("attach-input");
      const notes = "# Notes\n".repeat(300);
      await input.setInputFiles([
        file("notes ä.md", "text/markdown", notes),
        file("wrong.bin", "", new Uint8Array(2000)),
      ]);
      await give(page, "paste", "image.png", png(64));
      await give(page, "drop", "plan.png", png(200, [34, 165, 91]));
      assertEquals(await uploaded(page, 4), ["notes ä.md", "wrong.bin", "image.png", "plan.png"]);
      await page.getByTestId("drop-zone").waitFor({ state: "detached" });
      await shot(page, "uploads");

      // Taken out again, here and in the hub.
      await page.getByRole("button", { name: "Remove wrong.bin" }).click();
      assertEquals(await uploaded(page, 3), ["notes ä.md", "image.png", "plan.png"]);
      // Text with a picture of itself is pasted as text.
      await page.evaluate(() => {
        const data = new DataTransfer();
        data.setData("text/html", "<b>cell</b>");
        data.items.add(new File(["x"], "cell.png", { type: "image/png" }));
        document.querySelector("textarea")!.dispatchEvent(
          new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }),
        );
      });
      assertEquals(await uploaded(page, 3), ["notes ä.md", "image.png", "plan.png"]);

      // Files alone are a message.
      await page.getByTestId("send").click();
      const request = await device.event("task:execute");
      const names = ["notes ä.md", "image.png", "plan.png"];
      assertEquals(
        request.attachments.map((a: { original_filename: string }) => a.original_filename),
        names,
      );
      await page.getByTestId("uploads").waitFor({ state: "detached" });
      await page.getByRole("heading", { name: "notes ä.md" }).waitFor();
      const stored = hub.server.core.store.db.all("SELECT filename FROM attachments");
      assertEquals(stored.length, 3, "what was taken out is gone");
      await new StubRun(device, request).complete("ok");

      // Thumbnails come with the sign-in, the picture in a window of its own, other files as downloads.
      await page.reload();
      const pictures = page.getByTestId("attachment-picture");
      await pictures.locator("img").nth(1).waitFor();
      const widths = () =>
        pictures.locator("img").evaluateAll((found) =>
          (found as HTMLImageElement[]).map((img) => img.naturalWidth)
        );
      await page.waitForFunction(() =>
        [...document.images].every((img) => img.complete && img.naturalWidth > 0)
      );
      assertEquals(await widths(), [64, 200]);
      await shot(page, "attachments");
      await pictures.nth(1).focus();
      await page.keyboard.press("Enter");
      const box = page.getByTestId("lightbox");
      await box.locator("img").waitFor();
      await shot(page, "lightbox");
      const saving = page.waitForEvent("download");
      await page.getByTestId("lightbox-download").click();
      assertEquals((await saving).suggestedFilename(), "plan.png");
      await page.keyboard.press("Escape");
      await box.waitFor({ state: "detached" });
      const download = page.waitForEvent("download");
      await page.getByTestId("attachment-file").click();
      assertEquals((await download).suggestedFilename(), "notes ä.md");
      assertEquals(await Deno.readTextFile(await (await download).path()), notes);
    }),
});

guardedTest({
  name: "page: what cannot be attached is said; a failed upload can be tried again; on a phone",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ page, device }) => {
      const input = page.getByTestId("attach-input");
      await page.evaluate(() => {
        const big = new File([], "big.iso");
        Object.defineProperty(big, "size", { value: 101 * 1024 * 1024 });
        const data = new DataTransfer();
        data.items.add(big);
        // The list gives copies, so the page is handed the file itself.
        const paste = new ClipboardEvent("paste", { bubbles: true, cancelable: true });
        Object.defineProperty(paste, "clipboardData", {
          value: { files: [big], types: ["Files"] },
        });
        document.querySelector("textarea")!.dispatchEvent(paste);
      });
      await page.getByTestId("notice").getByText("“big.iso” is larger than 100 MB").waitFor();
      let refuse = true;
      await page.route("**/api/attachments?*", async (route) => {
        if (!refuse) return await route.continue();
        const body = JSON.stringify({
          error_code: 507,
          detail: "The hub has no room for this file",
        });
        await route.fulfill({ status: 507, contentType: "application/json", body });
      });
      const many = Array.from(
        { length: 21 },
        (_, i) => file(`a rather long name ${i}.txt`, "", "x"),
      );
      await input.setInputFiles(many.slice(0, 1));
      const failed = page.locator('[data-testid="upload"][data-state="failed"]');
      await failed.getByText("no room").waitFor();
      await page.getByTestId("composer-input").fill("look");
      assertEquals(await page.getByTestId("send").isEnabled(), false);
      await shot(page, "upload-failed-phone");
      refuse = false;
      await failed.getByRole("button", { name: "Try again" }).click();
      await uploaded(page, 1);
      await input.setInputFiles(many.slice(1));
      await page.getByTestId("notice").getByText("A message can have 20 files").waitFor();
      await uploaded(page, 20);
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 375);
      await shot(page, "uploads-phone");
      await page.getByTestId("send").click();
      assertEquals((await device.event("task:execute")).attachments.length, 20);
      await page.getByTestId("attachment-file").nth(19).waitFor();
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 375);
      await shot(page, "attachments-phone");
    }, { viewport: { width: 375, height: 740 } }),
});

guardedTest({
  name: "page: a picture and a file reach Claude and Codex",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withHub(async ({ hub, model, codex, password, world }) => {
      await using browser = await startBrowser({ stepMs: LONG });
      const page = await browser.open(hub.url);
      await signIn(page, password);
      const input = page.getByTestId("composer-input");
      const picture = png(32);
      const base64 = Buffer.from(picture).toString("base64");
      const attach = async () => {
        await page.getByTestId("attach-input").setInputFiles([
          file("red dot.png", "image/png", picture),
          file("list.txt", "text/plain", "milk\n"),
        ]);
        await uploaded(page, 2);
      };
      const answered = (text: string) => page.getByTestId("block-text").getByText(text).waitFor();

      await attach();
      await input.fill(
        `See ${
          script(
            callTool("Bash", { command: "cat .wegent/attachments/*/*/list.txt || find ." }),
            say("Claude saw."),
          )
        }`,
      );
      await page.getByTestId("send").click();
      await answered("Claude saw.");
      const [first, last] = [model.scripted()[0]?.body, model.scripted().at(-1)?.body];
      const blocks = first?.messages.flatMap(({ content }) => content) ?? [];
      const image = blocks.find(({ type }) => type === "image") as
        | { source?: { media_type?: string; data?: string } }
        | undefined;
      assertEquals([image?.source?.media_type, image?.source?.data], ["image/png", base64]);
      const said = JSON.stringify(first);
      assert(/red dot\.png\\": \/[^"]+red dot\.png/.test(said), said.slice(0, 3000));
      assert(!said.includes("[attachment:"), "the mark was replaced");
      assert(JSON.stringify(last).includes("list.txt"));

      await page.getByTestId("new-conversation").click();
      await page.getByTestId("agent-picker").selectOption("codex");
      await attach();
      await input.fill(`See ${codexScript({ text: "Codex saw." })}`);
      await page.getByTestId("send").click();
      await answered("Codex saw.");
      const asked = JSON.stringify(codex.scripted[0]?.body);
      assert(asked.includes('"type":"input_image"') && asked.includes(base64), asked.slice(-3000));
      assert(/red dot\.png\\": \/[^"]+red dot\.png/.test(asked), asked.slice(-3000));
      // Both files are on the device, for each of the two conversations.
      const found = await new Deno.Command("find", {
        args: [world.workspace, "-name", "list.txt"],
      }).output();
      assertEquals(new TextDecoder().decode(found.stdout).trim().split("\n").length, 2);
    }, { codex: true }),
});
