/** The agent asks, the person answers in the page: real Chromium, the real device, the real Claude CLI. */
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { browserReason, type Page, startBrowser } from "../support/browser.ts";
import { signIn } from "../support/hub_page.ts";
import { callTool, say, script } from "../support/model.ts";
import { guardedTest } from "../support/require.ts";
import { LONG, until, workdirOf } from "./fixture.ts";
import { withHub } from "./hub_fixture.ts";

const SHOTS = Deno.env.get("WEGENT_TEST_SHOTS");

async function shot(page: Page, name: string): Promise<void> {
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}.png` });
}

async function begin(page: Page, ...steps: Parameters<typeof script>): Promise<void> {
  await page.getByTestId("composer-input").fill(script(...steps));
  await page.getByTestId("send").click();
}

function exists(path: string): boolean {
  try {
    return Deno.lstatSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function done(page: Page): Promise<void> {
  await page.getByTestId("cancel").waitFor({ state: "detached" });
}

const bash = (command: string) => callTool("Bash", { command, description: "Makes a file" });

guardedTest({
  name: "page: allow, allow for the conversation, deny with a reason, over a reload and a restart",
  needs: browserReason,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    withHub(async (fixture) => {
      const { world, model, hub } = fixture;
      await using browser = await startBrowser({ stepMs: LONG });
      const page = await browser.open(hub.url);
      await signIn(page, fixture.password);
      await page.getByTestId("permission-mode").selectOption("ask");
      await begin(page, bash("touch one"), bash("touch two"), bash("touch two"), say("all done"));

      // The question, its tool, and who is waited for, also in the list and after a reload.
      const card = page.getByTestId("permission-card");
      await card.waitFor();
      assertEquals(await card.getByRole("heading", { level: 3 }).innerText(), "Run this command?");
      assertEquals(await card.locator("pre").first().innerText(), "touch one");
      await page.getByTestId("task-waiting").waitFor();
      await shot(page, "ask-card");
      const taskId = Number(/#task=(\d+)/.exec(page.url())?.[1]);
      const dir = workdirOf(world, taskId);
      await page.reload();
      await card.waitFor();
      await page.getByText("Waiting for your answer").waitFor();
      const status = await world.run(["status"]);
      assertMatch(status.stdout, /task \d+\/\d+ waiting for you/);

      // The daemon is gone and comes back; the agent still waits, and the same card is answered.
      Deno.kill(fixture.daemon.pid, "SIGKILL");
      await fixture.daemon.exited(LONG);
      fixture.daemon = await fixture.startDaemon();
      assertMatch((await world.run(["status"])).stdout, /task \d+\/\d+ waiting for you/);
      assertEquals(await card.count(), 1);
      assertEquals(exists(`${dir}/one`), false);
      await page.getByTestId("allow-once").click();
      await until(() => exists(`${dir}/one`), "the first file");

      // For the conversation: the same command is not asked for a second time.
      await card.locator("pre").getByText("touch two").waitFor();
      assertMatch(await page.getByTestId("rule").innerText(), /exactly this command/);
      await page.getByTestId("allow-always").click();
      await page.getByText("all done").last().waitFor();
      await done(page);
      assertEquals(await page.getByTestId("question-outcome").allInnerTexts(), [
        "You allowed this once",
        "You allowed this for the conversation: exactly this command",
      ]);
      await page.getByTestId("task-waiting").waitFor({ state: "detached" });
      await shot(page, "ask-answered");

      // The next turn remembers; a denial reaches the model with its reason. By keyboard alone.
      await begin(page, bash("touch two"), bash("touch three"), say("understood"));
      await card.waitFor();
      assertEquals(await card.locator("pre").first().innerText(), "touch three");
      await page.getByTestId("question-go").focus();
      await page.keyboard.press("Enter");
      assertEquals(
        await page.evaluate("document.activeElement.dataset.testid"),
        "question-title",
      );
      for (
        const id of [undefined, "allow-once", "allow-always", "deny", "deny-reason"]
      ) {
        await page.keyboard.press("Tab");
        if (id) assertEquals(await page.evaluate("document.activeElement.dataset.testid"), id);
      }
      await page.keyboard.type("three is too many");
      await page.keyboard.press("Enter");
      await page.getByText("understood").last().waitFor();
      await done(page);
      assertEquals(exists(`${dir}/three`), false);
      assert(JSON.stringify(model.scripted().at(-1)?.body).includes("three is too many"));
      await page.getByText("You did not allow this: three is too many").waitFor();

      // Without asking from the next message on.
      await page.getByTestId("permission-mode").selectOption("bypass");
      await begin(page, bash("touch four"), say("quick"));
      await page.getByText("quick").last().waitFor();
      await done(page);
      assert(exists(`${dir}/four`));
      assertEquals(await card.count(), 0);
    }),
});

guardedTest({
  name: "page: a form on a phone, a cancel while asking",
  needs: browserReason,
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    withHub(async (fixture) => {
      const { model, hub } = fixture;
      await using browser = await startBrowser({
        stepMs: LONG,
        viewport: { width: 375, height: 740 },
      });
      const page = await browser.open(hub.url);
      await signIn(page, fixture.password);
      const option = (label: string) => ({ label, description: `This is ${label.toLowerCase()}` });
      await begin(
        page,
        callTool("AskUserQuestion", {
          questions: [
            {
              question: "Which colour should the button have?",
              header: "Colour",
              multiSelect: false,
              options: [option("Blue"), option("Red")],
            },
            {
              question: "Which sizes are needed?",
              header: "Sizes",
              multiSelect: true,
              options: [option("Small"), option("Large")],
            },
            {
              question: "What is it called?",
              header: "Name",
              multiSelect: false,
              options: [option("Send"), option("Go")],
            },
          ],
        }),
        say("thank you"),
      );
      const form = page.getByTestId("question-form");
      await form.waitFor();
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 375);
      const send = page.getByTestId("answer-send");
      assertEquals(await send.isEnabled(), false);
      await form.getByLabel("Red").check();
      await form.getByLabel("Small").check();
      await form.getByLabel("Large").check();
      await form.getByLabel("Go").check();
      await form.getByLabel("Something else: What is it called?").fill("Fire");
      assertEquals(await form.getByLabel("Go").isChecked(), false);
      await form.getByTestId("question-title").scrollIntoViewIfNeeded();
      await shot(page, "form-phone");
      await send.click();
      await page.getByText("thank you").last().waitFor();
      await done(page);
      await page.getByText("Colour: Red · Sizes: Small, Large · Name: Fire").waitFor();
      const said = JSON.stringify(model.scripted().at(-1)?.body);
      for (const words of ['=\\"Red', '=\\"Small, Large', '=\\"Fire']) {
        assert(said.includes(words), `${words} in ${said.slice(-800)}`);
      }
      await page.getByTestId("permission-mode").selectOption("ask");
      await begin(page, bash("touch never"), say("never"));
      await page.getByTestId("permission-card").waitFor();
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 375);
      await page.getByTestId("deny-reason").scrollIntoViewIfNeeded();
      await shot(page, "card-phone");
      await page.getByTestId("cancel").click();
      await page.locator('[data-status="CANCELLED"]').waitFor();
      await page.getByText("Not answered before the turn ended").waitFor();
      assertEquals(await page.getByTestId("permission-card").count(), 0);
    }),
});
