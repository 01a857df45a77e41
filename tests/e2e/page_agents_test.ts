/** Both agents in the hub's page: chosen, set up, and Codex for real. */
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { browserReason, startBrowser } from "../support/browser.ts";
import { codexBinary } from "../support/codex_cli.ts";
import { StubRun } from "../support/hub_fixture.ts";
import { online, sendFrom, shot, unchecked, withPage } from "../support/hub_page.ts";
import { guardedTest } from "../support/require.ts";
import { createWorld } from "../support/world.ts";
import { LONG } from "./fixture.ts";

guardedTest({
  name: "page: an agent is chosen for a new conversation, stays with it, and is remembered",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ hub, token, device, page }) => {
      await hub.call("PUT", "/api/settings", token, {
        agents: { codex: { model: "gpt-a", models: ["gpt-b"] } },
      });
      await page.reload();
      const picker = page.getByTestId("agent-picker");
      assertEquals(await picker.inputValue(), "claude");
      await picker.selectOption("codex");
      await page.getByTestId("model-choose").click();
      await page.getByText("gpt-a, as the settings say").waitFor();
      await page.getByTestId("model-gpt-b").check();
      await page.getByTestId("effort-xhigh").check({ force: true });
      await page.getByTestId("model-use").click();
      assertEquals(
        await page.getByTestId("model-choose").getAttribute("aria-label"),
        "Model: gpt-b · Extra high",
      );
      const first = await sendFrom({ page, device }, "go");
      assertEquals([
        first.bot[0].shell_type,
        first.model_config.model_id,
        first.model_config.reasoning,
      ], [
        "Codex",
        "gpt-b",
        "xhigh",
      ]);
      assertEquals(
        await page.getByTestId("agent").getAttribute("title"),
        "Codex · gpt-b · Extra high",
      );
      assertEquals(await page.getByTestId("agent-tag").innerText(), "Codex");
      assertEquals(await picker.count(), 0);
      await new StubRun(device, first).complete("ok");
      await page.getByTestId("cancel").waitFor({ state: "detached" });

      // Another model by its id, from the next message on; then the default again.
      await page.getByTestId("model-choose").click();
      await page.getByTestId("model-another").check();
      await page.getByTestId("model-other").fill("gpt-c");
      await page.keyboard.press("Enter");
      await page.getByTestId("model-choose").getByText("Next:").waitFor();
      const second = await sendFrom({ page, device }, "more");
      assertEquals(second.model_config.model_id, "gpt-c");
      await new StubRun(device, second).complete("ok");
      await page.reload();
      await page.getByTestId("model-choose").getByText("gpt-c").waitFor();
      await page.getByTestId("cancel").waitFor({ state: "detached" });
      await page.getByTestId("model-choose").click();
      assertEquals(await page.getByTestId("model-other").inputValue(), "gpt-c");
      await page.getByTestId("model-default").check();
      await page.getByTestId("model-use").click();
      assertEquals((await sendFrom({ page, device }, "less")).model_config.model_id, "gpt-a");

      // The next conversation begins with the last choice of agent.
      await page.getByTestId("new-conversation").click();
      assertEquals(await picker.inputValue(), "codex");
      await page.reload();
      assertEquals(await picker.inputValue(), "codex");
    }),
});

guardedTest({
  name: "page: each agent has settings of its own, Codex a proxy; secrets are not shown again",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ page, browser }) => {
      await page.getByTestId("menu").click();
      await page.getByTestId("settings-open").click();
      // By keyboard from tab to tab, around the end.
      await page.getByTestId("settings-tab-claude").focus();
      await page.keyboard.press("ArrowLeft");
      assertEquals(await page.evaluate("document.activeElement.id"), "settings-tab-devices");
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      assertEquals(await page.evaluate("document.activeElement.id"), "settings-tab-codex");
      await page.getByTestId("provider-key").check();
      const save = page.getByTestId("settings-save");
      await page.getByTestId("settings-api-key").fill("sk-codex-secret-4711");
      await page.getByTestId("settings-model").fill("gpt-5");
      await page.getByTestId("settings-models").fill("gpt-5\n\n gpt-6, gpt-7 ");
      await page.getByTestId("settings-proxy").fill("http://proxy.example");
      await save.click();
      await page.getByTestId("settings-status").getByText(/with a host and a port/).waitFor();
      await page.getByTestId("settings-proxy").fill("http://ann:hidden@proxy.example:3128");
      await page.getByTestId("settings-use-proxy").check();
      await save.click();
      await page.getByText("Saved.").waitFor();
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 375);
      await shot(page, "settings-codex-phone");
      await page.reload();
      await page.getByTestId("menu").click();
      await page.getByTestId("settings-open").click();
      assertEquals(await page.getByTestId("provider-own_login").isChecked(), true);
      await page.getByTestId("settings-tab-codex").click();
      assertEquals(await page.getByTestId("provider-key").isChecked(), true);
      assertEquals(await page.getByTestId("settings-models").inputValue(), "gpt-5\ngpt-6\ngpt-7");
      assertEquals(
        await page.getByTestId("settings-proxy").inputValue(),
        "http://***@proxy.example:3128",
      );
      assertEquals(await page.getByTestId("settings-use-proxy").isChecked(), true);
      const content = await page.content();
      assert(!content.includes("hidden@") && !content.includes("secret"), "secrets in the page");
      await save.click();
      await page.getByText("Saved.").waitFor();
      assertEquals(browser.messages.filter((m) => m.includes("hidden")), []);
    }, { viewport: { width: 375, height: 740 } }),
});

guardedTest({
  name: "page: up without a login, Codex for real with the demo model",
  needs: browserReason,
  ...unchecked,
  async fn() {
    await using world = await createWorld();
    const program = world.start(["up", "--no-open", "--port", "0"], {
      CODEX_BINARY: await codexBinary(),
    });
    const line = (await program.waitForLine(/Open {2}http/, LONG)).text;
    await using browser = await startBrowser({ stepMs: LONG });
    const page = await browser.open(line.replace(/.*Open {2}/, "").trim());
    await page.getByTestId("agent-picker").selectOption("codex");
    await page.getByTestId("demo-banner").waitFor();
    // There is nothing to choose from.
    assertEquals(await page.getByTestId("model-choose").count(), 0);
    await online(page);
    const input = page.getByTestId("composer-input");
    await input.fill("create hello.txt with a greeting, then show it");
    await input.press("Enter");
    await page.getByTestId("tool-block").nth(1).waitFor();
    await page.getByText("Hello! Nice to meet you.").last().waitFor();
    await page.getByTestId("cancel").waitFor({ state: "detached" });
    assertEquals(
      await page.getByTestId("tool-block").evaluateAll((found) =>
        found.map((element) => element.getAttribute("data-tool"))
      ),
      ["bash", "bash"],
    );
    const [made] = [...Deno.readDirSync(world.workspace)].map((e) =>
      `${world.workspace}/${e.name}/hello.txt`
    );
    assertMatch(Deno.readTextFileSync(made ?? ""), /Hello!/);
    await input.fill("what did I ask before?");
    await input.press("Enter");
    await page.getByText("Earlier in this conversation you asked").waitFor();
    await page.getByTestId("cancel").waitFor({ state: "detached" });
    await shot(page, "codex-demo");
  },
});
