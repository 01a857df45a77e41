/** A signed-in page of a hub in this process, in real Chromium, with a device that plays the protocol. */
import { assertEquals } from "./assert.ts";
import { type Page, startBrowser, type TestBrowser } from "./browser.ts";
import { type FixtureOptions, HubFixture, type StubDevice, type Wire } from "./hub_fixture.ts";

/** Chromium's client keeps timers and handles of its own. */
export const unchecked = { sanitizeOps: false, sanitizeResources: false };

export interface HubPage {
  readonly hub: HubFixture;
  readonly browser: TestBrowser;
  readonly device: StubDevice;
  readonly page: Page;
  /** Of the administrator, who is signed in. */
  readonly token: string;
}

/** Options of {@link withPage}. */
export interface PageOptions extends FixtureOptions {
  readonly viewport?: { readonly width: number; readonly height: number };
  /** What the device announces beside its name. */
  readonly register?: object;
}

/** Runs `test`; afterwards no script of the page may have failed. */
export async function withPage(
  test: (fixture: HubPage) => Promise<void>,
  { viewport, register = {}, ...options }: PageOptions = {},
): Promise<void> {
  await using hub = await HubFixture.start(options);
  await using browser = await startBrowser({ stepMs: 20_000, ...(viewport && { viewport }) });
  const { key, token } = await hub.user("admin");
  const device = await hub.device(key, "dev-1");
  await device.register(register);
  const page = await browser.open(hub.server.core.issueLoginLink());
  await online(page);
  await test({ hub, browser, device, page, token });
  assertEquals(browser.messages.filter((m) => m.startsWith("uncaught")), []);
}

/** Signs the administrator in, and waits for a device: until there is one, Enter sends nothing. */
export async function signIn(page: Page, password: string): Promise<void> {
  await page.getByTestId("password").fill(password);
  await page.getByTestId("sign-in-submit").click();
  await online(page);
}

/** Waits for a device; on a phone its lamp is not in sight. */
export async function online(page: Page): Promise<void> {
  await page.locator('[data-status="online"]').first().waitFor({ state: "attached" });
}

/** Writes and sends a message; gives the device's request. */
export async function sendFrom(
  { page, device }: Pick<HubPage, "page" | "device">,
  text: string,
): Promise<Wire> {
  device.events.length = 0;
  await page.getByTestId("composer-input").fill(text);
  await page.getByTestId("send").click();
  return await device.event("task:execute");
}

/** Keeps a picture below `WEGENT_TEST_SHOTS`, for people. */
export async function shot(page: Page, name: string): Promise<void> {
  const dir = Deno.env.get("WEGENT_TEST_SHOTS");
  if (dir) await page.screenshot({ path: `${dir}/${name}.png` });
}
