/** Directories in the hub's page, in real Chromium, with a device that plays the protocol. */
import type { WorkdirFacts } from "../../src/protocol/mod.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { browserReason, type Page, startBrowser, type TestBrowser } from "../support/browser.ts";
import { HubFixture, type StubDevice, StubRun, until, type Wire } from "../support/hub_fixture.ts";
import { guardedTest } from "../support/require.ts";

const unchecked = { sanitizeOps: false, sanitizeResources: false };

const LONG =
  "/srv/data/customers/a/very/long/path/to/a/shared/folder/of/the/whole/team/and-its-app";
const FACTS: WorkdirFacts = {
  home: "/home/ann",
  workspace_root: "/home/ann/.wegent-executor/workspace",
  roots: ["~/Projects", "/srv/data"],
  recent: [{ path: "/home/ann/Projects/A", used_at: 2 }, { path: LONG, used_at: 1 }],
  repos: [{
    git_url: "https://git.example/team/shop.git",
    branch: "main",
    path: "/home/ann/Projects/shop",
  }],
  open_directory: true,
};
const FALLBACK = {
  path: "/home/ann/.wegent-executor/workspace/1",
  origin: "managed",
  code: "workdir_outside_allowed_roots",
  notice: 'The directory "/etc/secret" is outside the allowed roots; a managed one is used',
};

async function beat(device: StubDevice, workdirs?: WorkdirFacts): Promise<void> {
  const answer = await device.ask("device:heartbeat", {
    device_id: device.id,
    running_task_ids: [],
    queued_task_ids: [],
    slot_max: 5,
    ...(workdirs && { workdirs }),
  });
  assertEquals(answer, { success: true });
}

interface World {
  hub: HubFixture;
  browser: TestBrowser;
  device: StubDevice;
  page: Page;
}

/** A signed-in page and one device that has said its directories. */
async function withPage(
  test: (world: World) => Promise<void>,
  options: Parameters<typeof startBrowser>[0] & { facts?: WorkdirFacts } = {},
): Promise<void> {
  await using hub = await HubFixture.start();
  await using browser = await startBrowser(options);
  const { key } = await hub.user("admin");
  const device = await hub.device(key, "dev-1");
  await beat(device, options.facts ?? FACTS);
  const page = await browser.open(hub.server.core.issueLoginLink());
  await page.getByTestId("directory-choose").waitFor();
  await test({ hub, browser, device, page });
  assertEquals(browser.messages.filter((m) => m.startsWith("uncaught")), []);
}

/** Sends a message through the page and gives the device's request. */
async function send(page: Page, device: StubDevice, text: string): Promise<Wire> {
  device.events.length = 0;
  await page.getByTestId("composer-input").fill(text);
  await page.getByTestId("send").click();
  return await device.event("task:execute");
}

function fields({ workdir, workdir_policy, git_url, branch_name }: Wire): unknown[] {
  return [workdir_policy, workdir, git_url, branch_name];
}

async function textOf(page: Page, testid: string): Promise<string> {
  return (await page.getByTestId(testid).textContent()) ?? "";
}

async function label(page: Page, testid: string): Promise<string | null> {
  return await page.getByTestId(testid).getAttribute("aria-label");
}

guardedTest({
  name: "page: a directory is chosen with a root and a path, sent, and shown in the header",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ hub, browser, device, page }) => {
      assertEquals(await label(page, "directory-choose"), "Directory: Managed");
      await page.getByTestId("directory-choose").click();
      await page.getByTestId("directory-policy-existing").check();
      // An empty path is not sent.
      await page.getByTestId("directory-use").click();
      await page.getByTestId("directory-dialog").waitFor();
      const input = page.getByTestId("directory-path-input");
      await input.fill("/etc");
      await page.getByTestId("directory-hint").getByText(/Outside .* roots add \/etc/).waitFor();
      await page.getByTestId("directory-root").first().click();
      assertEquals(await input.inputValue(), "~/Projects/");
      await page.keyboard.type("A");
      await page.getByTestId("directory-hint").waitFor({ state: "hidden" });
      await page.keyboard.press("Enter");
      await page.getByTestId("directory-dialog").waitFor({ state: "detached" });
      assertEquals(await label(page, "directory-choose"), "Directory: ~/Projects/A");
      const request = await send(page, device, "go");
      assertEquals(fields(request), ["existing", "~/Projects/A", null, null]);
      // What was asked for stands there until the device has spoken.
      await page.getByTestId("directory-path").getByText("/A", { exact: true }).waitFor();
      const run = new StubRun(device, request);
      const path = "/home/ann/Projects/A";
      await run.send("response.workdir", { path, origin: "session", code: null, notice: null });
      await page.getByTestId("directory-copy").waitFor();
      assertEquals(await textOf(page, "directory-path"), "~/Projects/A");
      assertEquals(await page.getByTestId("directory-path").getAttribute("title"), path);
      assertEquals(await page.getByTestId("directory-mark").count(), 0);
      await page.getByTestId("directory-notice").waitFor({ state: "hidden" });
      await browser.context.grantPermissions(["clipboard-read", "clipboard-write"], {
        origin: hub.url,
      });
      await page.getByTestId("directory-copy").click();
      await page.locator('[data-testid=directory-copy][aria-label="Copied"]').waitFor();
      assertEquals(await page.evaluate("navigator.clipboard.readText()"), path);
      // The device answers what its desktop says.
      const answers: object[] = [{ success: true }, { success: false, error: "No desktop here" }];
      device.socket.on("device:open_directory", (_request, ack) => ack(answers.shift()));
      await page.getByTestId("directory-open").click();
      assertEquals(await device.event("device:open_directory"), { path });
      await page.getByTestId("directory-open").click();
      await page.getByTestId("notice").getByText("No desktop here").waitFor();
      await run.complete("done");
      // Not offered any more: no button.
      await beat(device, { ...FACTS, open_directory: false });
      await page.getByTestId("directory-open").waitFor({ state: "detached" });
      // Back later: the same directory without a word in the message.
      await page.reload();
      await page.getByTestId("directory-path").getByText("/A", { exact: true }).waitFor();
      assertEquals(fields(await send(page, device, "again"))[1], "~/Projects/A");
    }),
});

guardedTest({
  name:
    "page: recent directories and repositories are one click; the last choice stays with the device",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ hub, device, page }) => {
      await page.getByTestId("directory-choose").click();
      await page.getByTestId("directory-recent").first().click();
      await page.getByTestId("directory-dialog").waitFor({ state: "detached" });
      const first = await send(page, device, "go");
      assertEquals(fields(first), ["existing", "/home/ann/Projects/A", null, null]);
      await new StubRun(device, first).complete("done");
      await page.reload();
      await page.getByTestId("new-conversation").click();
      await page.locator('[aria-label="Directory: ~/Projects/A"]').waitFor();
      await page.getByTestId("directory-choose").click();
      await page.getByTestId("directory-repo").click();
      assertEquals(await label(page, "directory-choose"), "Directory: shop (main)");
      const second = await send(page, device, "go");
      assertEquals(fields(second), [
        "repo_bound",
        "/home/ann/Projects/shop",
        "https://git.example/team/shop.git",
        "main",
      ]);
      await new StubRun(device, second).complete("done");
      await page.getByTestId("new-conversation").click();
      await page.getByTestId("directory-choose").click();
      await page.getByTestId("directory-policy-chat").check();
      await page.getByTestId("directory-use").click();
      const third = await send(page, device, "go");
      assertEquals(
        [...fields(third), third.standalone_chat_workspace, third.project_id],
        [null, null, null, null, true, 0],
      );
      await new StubRun(device, third).complete("done");
      // Another device has no choice yet, and one that says nothing offers none.
      const { key } = await hub.user("admin");
      const other = await hub.device(key, "dev-2");
      await page.getByTestId("new-conversation").click();
      await page.locator('[aria-label="Directory: Dated folder"]').waitFor();
      await page.getByTestId("device-picker").selectOption("dev-2");
      await page.getByTestId("directory-choose").waitFor({ state: "detached" });
      await beat(other, FACTS);
      await page.locator('[aria-label="Directory: Managed"]').waitFor();
      assertEquals(fields(await send(page, other, "go")), [null, null, null, null]);
    }),
});

guardedTest({
  name: "page: a fallback says why, can be put away and brought back, and is there after a reload",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ device, page }) => {
      await page.getByTestId("directory-choose").click();
      await page.getByTestId("directory-policy-existing").check();
      await page.getByTestId("directory-path-input").fill("/etc/secret");
      await page.getByTestId("directory-use").click();
      const request = await send(page, device, "go");
      assertEquals(fields(request)[1], "/etc/secret");
      const run = new StubRun(device, request);
      await run.send("response.workdir", FALLBACK);
      const notice = page.getByTestId("directory-notice");
      await notice.getByText("outside the allowed roots").waitFor();
      assertEquals(await notice.getAttribute("role"), "status");
      assertEquals(await textOf(page, "directory-mark"), "Fallback");
      assertMatch(await textOf(page, "directory"), /Managed.*~\/\.wegent-executor\/workspace\/1/);
      await notice.getByLabel("Dismiss").click();
      await notice.waitFor({ state: "hidden" });
      await page.getByTestId("directory-mark").click();
      await notice.waitFor();
      await run.complete("done");
      await page.reload();
      await notice.getByText("outside the allowed roots").waitFor();
      // The next turn works where it should: nothing is left of it.
      const next = new StubRun(device, await send(page, device, "again"));
      const good = { path: "/etc/secret", origin: "session", code: null, notice: null };
      await next.send("response.workdir", good);
      await notice.waitFor({ state: "hidden" });
      assertEquals(await page.getByTestId("directory-mark").count(), 0);
    }),
});

guardedTest({
  name:
    "page: another directory for a conversation: told what it means, undone, sent, managed again",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ device, page }) => {
      const first = await send(page, device, "go");
      assertEquals(fields(first), [null, null, null, null]);
      const run = new StubRun(device, first);
      await run.send("response.workdir", { ...FALLBACK, code: null, notice: null });
      await run.complete("done");
      assertEquals(await page.getByTestId("directory-choose").count(), 0);
      const change = async () => {
        await page.getByTestId("directory-change").click();
        await page.getByTestId("directory-change-note").getByText(/new one starts/).waitFor();
      };
      await change();
      await page.getByTestId("directory-recent").first().click();
      assertEquals(await label(page, "directory-choose"), "New directory: ~/Projects/A");
      await page.getByLabel("Keep the directory as it is").click();
      await page.getByTestId("directory-pending").waitFor({ state: "detached" });
      const kept = await send(page, device, "stay");
      assertEquals(fields(kept), [null, null, null, null]);
      await new StubRun(device, kept).complete("done");
      await change();
      await page.getByTestId("directory-recent").first().click();
      const moved = await send(page, device, "move");
      assertEquals(fields(moved), ["existing", "/home/ann/Projects/A", null, null]);
      await page.getByTestId("directory-pending").waitFor({ state: "detached" });
      assertEquals(moved.task_id, first.task_id);
      const second = new StubRun(device, moved);
      await second.send("response.workdir", {
        path: "/home/ann/Projects/A",
        origin: "session",
        code: null,
        notice: "A new session was started",
      });
      await page.getByTestId("directory-mark").getByText("Changed").waitFor();
      await second.complete("done");
      await change();
      await page.getByTestId("directory-policy-managed").check();
      await page.getByTestId("directory-use").click();
      assertEquals(await label(page, "directory-choose"), "New directory: Managed");
      assertEquals(fields(await send(page, device, "home")), ["managed", null, null, null]);
    }),
});

guardedTest({
  name: "page: the whole choice by keyboard, and focus comes back",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ page }) => {
      const focused = () =>
        page.evaluate("document.activeElement?.getAttribute('data-testid') ?? null");
      await page.getByTestId("directory-choose").focus();
      await page.keyboard.press("Enter");
      await until(async () => await focused() === "directory-policy-managed", "the first choice");
      await page.keyboard.press("Escape");
      await until(async () => await focused() === "directory-choose", "the focus to come back");
      await page.getByTestId("directory-dialog").waitFor({ state: "detached" });
      await page.keyboard.press("Enter");
      await until(async () => await focused() === "directory-policy-managed", "the first choice");
      await page.keyboard.press("ArrowDown");
      assertEquals(await focused(), "directory-policy-existing");
      await page.keyboard.press("Tab");
      assertEquals(await focused(), "directory-path-input");
      await page.keyboard.type("~/Projects/B");
      await page.keyboard.press("Enter");
      await until(async () => await focused() === "directory-choose", "the focus to come back");
      assertEquals(await label(page, "directory-choose"), "Directory: ~/Projects/B");
      await page.getByTestId("directory-dialog").waitFor({ state: "detached" });
      const dialog = page.getByRole("dialog", { name: "Directory on “Device dev-1”" });
      await page.keyboard.press("Enter");
      await dialog.waitFor();
      assert(await page.getByRole("radio", { name: /A directory of mine/ }).isChecked());
      await page.getByRole("textbox", { name: "Path on the device" }).waitFor();
    }),
});

guardedTest({
  name:
    "page: paths of any length and content at a phone's width break nothing and become no markup",
  needs: browserReason,
  ...unchecked,
  fn: () => {
    const evil = '<img src=x onerror="window.hacked=1">';
    const facts: WorkdirFacts = {
      ...FACTS,
      roots: [`/${"r".repeat(300)}`, `/${evil}`],
      recent: [{ path: `/srv/${"x".repeat(2000)}/${"y".repeat(2000)}`, used_at: 1 }, {
        path: `/srv/${evil}`,
        used_at: 1,
      }],
      repos: [{ git_url: `https://git.example/${"z".repeat(1500)}`, branch: evil, path: "/a" }],
    };
    return withPage(async ({ device, page }) => {
      const width = () => page.evaluate("document.documentElement.scrollWidth");
      await page.getByTestId("directory-choose").click();
      await page.getByTestId("directory-policy-repo_bound").check();
      const dialog = page.getByTestId("directory-dialog");
      assertEquals(await width(), 375);
      const inner = await dialog.evaluate((d) => [d.scrollWidth, d.clientWidth]);
      assertEquals(inner[0], inner[1]);
      await page.getByTestId("directory-recent").first().click();
      assertEquals(await width(), 375);
      const sendBox = await page.getByTestId("send").boundingBox();
      assert(sendBox && sendBox.x + sendBox.width <= 375 && sendBox.y + sendBox.height <= 700);
      const run = new StubRun(device, await send(page, device, "go"));
      await run.send("response.workdir", {
        path: `/srv/${"x".repeat(2000)}/${evil}`,
        origin: "managed",
        code: "workdir_invalid",
        notice: `${evil} ${"n".repeat(3000)}`,
      });
      await page.getByTestId("directory-mark").waitFor();
      assertEquals(await width(), 375);
      for (const id of ["directory-mark", "directory-copy", "directory-change", "cancel"]) {
        const box = await page.getByTestId(id).boundingBox();
        assert(box && box.width > 0 && box.x >= 0 && box.x + box.width <= 375, id);
      }
      const input = await page.getByTestId("composer-input").boundingBox();
      assert(input && input.y + input.height <= 700, "the notice leaves room to write");
      assertEquals(await page.locator(".main img, dialog img").count(), 0);
      const hacked = await page.evaluate(() => (globalThis as { hacked?: number }).hacked);
      assertEquals(hacked, undefined);
    }, { viewport: { width: 375, height: 700 }, facts });
  },
});
