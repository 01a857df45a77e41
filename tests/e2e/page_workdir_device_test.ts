/** Directories from the page to the agent: real Chromium, the real device, the real Claude CLI. */
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { browserReason, type Page, startBrowser } from "../support/browser.ts";
import { guardedTest } from "../support/require.ts";
import { createWorld } from "../support/world.ts";
import { LONG } from "./fixture.ts";

const GREET = "create hello.txt with a greeting, then show it";

/** Every entry below `dir` with its time and size. */
function listing(dir: string): string[] {
  return [...Deno.readDirSync(dir)].flatMap((entry) => {
    const path = `${dir}/${entry.name}`;
    const { mtime, size, ino } = Deno.lstatSync(path);
    return [
      `${path} ${mtime?.getTime()} ${size} ${ino}`,
      ...entry.isDirectory ? listing(path) : [],
    ];
  });
}

async function send(page: Page, text: string): Promise<void> {
  await page.getByTestId("composer-input").fill(text);
  await page.getByTestId("composer-input").press("Enter");
  await page.getByTestId("tool-block").nth(1).waitFor();
  await page.getByTestId("cancel").waitFor({ state: "detached" });
}

async function choosePath(page: Page, path: string): Promise<void> {
  await page.getByTestId("directory-choose").click();
  await page.getByTestId("directory-policy-existing").check();
  await page.getByTestId("directory-path-input").fill(path);
  await page.getByTestId("directory-use").click();
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

guardedTest({
  name: "page and device: two directories, a fallback that touches nothing, a recent one reused",
  needs: browserReason,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using world = await createWorld();
    const projects = `${world.home}/Projects`;
    const outside = `${world.home}/Documents/private`;
    for (const dir of [`${projects}/A`, `${projects}/B`, `${outside}/deep`]) {
      await Deno.mkdir(dir, { recursive: true });
    }
    await Deno.writeTextFile(`${outside}/deep/letter.txt`, "mine");
    const before = listing(outside);
    const program = world.start(["up", "--no-open", "--port", "0"], {
      LOCAL_WORKDIR_ALLOWED_ROOTS: projects,
    });
    const line = (await program.waitForLine(/Open {2}http/, LONG)).text;
    await using browser = await startBrowser({ stepMs: LONG });
    const page = await browser.open(line.replace(/.*Open {2}/, "").trim());

    // Two conversations, each in a directory of its own.
    await choosePath(page, "~/Projects/A");
    await send(page, GREET);
    assert(exists(`${projects}/A/hello.txt`), "the agent worked in A");
    assertEquals(await page.getByTestId("directory-path").textContent(), "~/Projects/A");
    await page.getByTestId("new-conversation").click();
    await choosePath(page, `${projects}/B`);
    await send(page, GREET);
    assert(exists(`${projects}/B/hello.txt`), "the agent worked in B");

    // Outside the allowed roots: a hint beforehand, the reason afterwards, and nothing was touched.
    await page.getByTestId("new-conversation").click();
    await page.getByTestId("directory-choose").click();
    await page.getByTestId("directory-policy-existing").check();
    await page.getByTestId("directory-path-input").fill("~/Documents/private");
    await page.getByTestId("directory-hint").getByText(/Outside/).waitFor();
    await page.getByTestId("directory-use").click();
    await send(page, GREET);
    const notice = page.getByTestId("directory-notice");
    assertMatch(await notice.innerText(), /outside/i);
    assertMatch(await page.getByTestId("directory").innerText(), /Managed[^]*Fallback/);
    assertEquals(listing(outside), before);

    // Back to the first one with one click, from what the device says it has used.
    await page.getByTestId("new-conversation").click();
    await page.getByTestId("directory-choose").click();
    const recent = page.getByTestId("directory-recent").and(page.getByTitle(`${projects}/A`));
    await Deno.remove(`${projects}/A/hello.txt`);
    await recent.click();
    await send(page, GREET);
    assert(exists(`${projects}/A/hello.txt`), "the agent worked in A again");
    await notice.waitFor({ state: "hidden" });
  },
});
