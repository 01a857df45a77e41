/** MCP servers from the page's settings to the agents: real Chromium, device and CLIs. */
import { assert, assertEquals } from "../support/assert.ts";
import { browserReason, startBrowser } from "../support/browser.ts";
import { shot, signIn, unchecked, withPage } from "../support/hub_page.ts";
import { HttpMcpServer, stdioServer } from "../support/mcp_server.ts";
import { callTool, say, script } from "../support/model.ts";
import { guardedTest } from "../support/require.ts";
import { script as codexScript } from "../support/responses_model.ts";
import { LONG } from "./fixture.ts";
import { withHub } from "./hub_fixture.ts";

guardedTest({
  name: "page: MCP servers are pasted, edited without showing secrets, switched off and removed",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withPage(async ({ hub, page }) => {
      await page.getByTestId("menu").click();
      await page.getByTestId("settings-open").click();
      await page.getByTestId("settings-tab-mcp").click();
      await page.getByTestId("mcp-empty").waitFor();
      await page.getByTestId("mcp-add").click();
      await page.getByTestId("mcp-mode-json").check({ force: true });
      const json = page.getByTestId("mcp-json");
      const error = page.getByTestId("mcp-error");
      await json.fill("{");
      await page.getByTestId("mcp-save").click();
      await error.getByText("This is no JSON").waitFor();
      await json.fill('{"mcpServers": {"a b": {"command": "x"}}}');
      await page.getByTestId("mcp-save").click();
      await error.getByText("a b: a name has 1 to 64 letters").waitFor();
      await json.fill(
        '{"mcpServers": {"one": {"command": "npx", "args": ["-y", "x"], "env": {"TOKEN": "tok-4711"}},' +
          '"two": {"url": "https://mcp.example/mcp", "headers": {"Authorization": "Bearer tok-4712"}}}}',
      );
      await page.getByTestId("mcp-save").click();
      await page.getByTestId("mcp-two").waitFor();
      await page.getByTestId("mcp-one").getByText("npx -y x").waitFor();
      await shot(page, "mcp-list-phone");

      // Edited in the form, renamed; the token was not shown and stays.
      await page.getByTestId("mcp-edit-one").click();
      assertEquals(await page.getByTestId("mcp-env").inputValue(), "TOKEN=***");
      await page.getByTestId("mcp-name").fill("first");
      await page.getByTestId("mcp-env").fill("TOKEN=***\nLEVEL=debug");
      await page.getByTestId("mcp-save").click();
      await page.getByTestId("mcp-first").waitFor();
      const { mcpServers } = hub.server.core;
      assertEquals(mcpServers.forRequest(1).find(({ name }) => name === "first"), {
        name: "first",
        type: "stdio",
        command: "npx",
        args: ["-y", "x"],
        env: { TOKEN: "tok-4711", LEVEL: "debug" },
      });
      // As JSON, too.
      await page.getByTestId("mcp-edit-two").click();
      await page.getByTestId("mcp-mode-json").check({ force: true });
      await json.fill((await json.inputValue()).replace("example/mcp", "example/v2"));
      await page.getByTestId("mcp-save").click();
      await page.getByTestId("mcp-two").getByText("https://mcp.example/v2").waitFor();
      assert(!(await page.content()).includes("tok-47"), "a secret in the page");
      assert(JSON.stringify(mcpServers.forRequest(1)).includes("tok-4712"));

      await page.getByTestId("mcp-enabled-first").uncheck();
      await page.getByTestId("settings-tab-devices").click();
      await page.getByTestId("settings-tab-mcp").click();
      await page.getByTestId("mcp-first").waitFor();
      assertEquals(await page.getByTestId("mcp-enabled-first").isChecked(), false);
      assertEquals(mcpServers.forRequest(1).map(({ name }) => name), ["two"]);
      page.once("dialog", (dialog) => void dialog.accept());
      await page.getByTestId("mcp-remove-first").click();
      await page.getByTestId("mcp-first").waitFor({ state: "detached" });
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 375);
    }, { viewport: { width: 375, height: 740 } }),
});

guardedTest({
  name: "page: a server of the settings is used by Claude and by Codex",
  needs: browserReason,
  ...unchecked,
  fn: () =>
    withHub(async ({ hub, model, codex, password }) => {
      await using remote = new HttpMcpServer();
      await using browser = await startBrowser({ stepMs: LONG });
      const page = await browser.open(hub.url);
      await signIn(page, password);
      await page.getByTestId("settings-open").click();
      await page.getByTestId("settings-tab-mcp").click();
      await page.getByTestId("mcp-add").click();
      const { command, args, env } = stdioServer();
      await page.getByTestId("mcp-name").fill("local");
      await page.getByTestId("mcp-command").fill(command);
      await page.getByTestId("mcp-args").fill(args.join("\n"));
      await page.getByTestId("mcp-env").fill(
        Object.entries(env).map(([name, value]) => `${name}=${value}`).join("\n"),
      );
      await page.getByTestId("mcp-save").click();
      await page.getByTestId("mcp-local").waitFor();
      await page.getByTestId("mcp-add").click();
      await page.getByTestId("mcp-name").fill("remote");
      await page.getByTestId("mcp-type").selectOption("http");
      await page.getByTestId("mcp-url").fill(remote.url);
      await page.getByTestId("mcp-headers").fill("x-key: remote-secret-1");
      await page.getByTestId("mcp-save").click();
      await page.getByTestId("mcp-remote").waitFor();
      await page.keyboard.press("Escape");

      const input = page.getByTestId("composer-input");
      await input.fill(script(
        callTool("mcp__local__echo", { text: "one" }),
        callTool("mcp__remote__echo", { text: "two" }),
        say("Claude is done."),
      ));
      await input.press("Enter");
      await page.getByTestId("block-text").getByText("Claude is done.").waitFor();
      const said = JSON.stringify(model.scripted().at(-1)?.body);
      assert(said.includes("echo one") && said.includes("echo two"), said.slice(-1500));
      assert(remote.headers.some((h) => h.get("x-key") === "remote-secret-1"));
      assertEquals(await page.getByTestId("tool-block").count(), 2);

      await page.getByTestId("new-conversation").click();
      await page.getByTestId("agent-picker").selectOption("codex");
      const call = (server: string, text: string) => ({
        tools: [{ name: "echo", namespace: `mcp__${server}`, input: { text } }],
      });
      await input.fill(
        codexScript(call("local", "three"), call("remote", "four"), { text: "Codex is done." }),
      );
      await input.press("Enter");
      await page.getByTestId("block-text").getByText("Codex is done.").waitFor();
      const asked = JSON.stringify(codex.scripted.at(-1)?.body);
      assert(asked.includes("echo three") && asked.includes("echo four"), asked.slice(-1500));
    }, { codex: true }),
});
