/**
 * Real Chromium for page tests, driven by playwright-core. The browser comes from the machine
 * (`CHROMIUM`, else `/usr/bin/chromium`), never from a download.
 */
import type { BrowserContext, Page } from "playwright-core";

export type { Locator, Page } from "playwright-core";

const DEFAULT_PATH = "/usr/bin/chromium";

const FLAGS = [
  "--no-sandbox", // Root may not run Chromium's own sandbox; only our pages are opened.
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Path of the browser. */
export function chromiumPath(): string {
  return Deno.env.get("CHROMIUM") || DEFAULT_PATH;
}

/** Why there can be no browser here; undefined when there can (for `guardedTest`). */
export function browserReason(): string | undefined {
  const minor = Number(Deno.version.deno.split(".")[1]);
  if (Deno.version.deno.startsWith("2.") && minor < 9) {
    return `playwright-core does not run on Deno ${Deno.version.deno}`;
  }
  try {
    if (Deno.statSync(chromiumPath()).isFile) return undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return `no browser at "${chromiumPath()}" (set CHROMIUM or install the package chromium)`;
}

/** Options of {@link startBrowser}. */
export interface BrowserOptions {
  /** Limit of every single step in the page, in milliseconds. @default 10000 */
  readonly stepMs?: number;
  /** @default 1280 × 800 */
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** A running browser with a profile of its own. */
export class TestBrowser {
  /** Messages of the pages' consoles and uncaught errors, oldest first. */
  readonly messages: string[] = [];

  constructor(readonly context: BrowserContext, readonly profile: string) {
    context.on("console", (message) => this.#note(`${message.type()}: ${message.text()}`));
    context.on("weberror", (error) => this.#note(`uncaught: ${error.error().message}`));
  }

  /** Opens a page at `url` and waits until it has loaded. */
  async open(url: string): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto(url);
    return page;
  }

  /** Ends the browser and removes its profile. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.context.close();
    await Deno.remove(this.profile, { recursive: true });
  }

  #note(text: string): void {
    this.messages.push(text.slice(0, 2000));
    if (this.messages.length > 1000) this.messages.shift();
  }
}

/**
 * Starts a browser; use it with `await using`. In tests, turn off Deno's leak checks: playwright keeps
 * timers and handles of its own.
 *
 * @throws {Error} If the browser does not start within 20 s.
 */
export async function startBrowser(options: BrowserOptions = {}): Promise<TestBrowser> {
  // Loading the package looks for WSL below /proc, which Deno allows only to programs that hold every
  // permission; this variable of the package `is-wsl` puts the look off.
  Deno.env.set("__IS_WSL_TEST__", "1");
  const { chromium } = await import("playwright-core");
  const profile = await Deno.makeTempDir({ prefix: "wx-chromium-" });
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath(),
    headless: true,
    args: FLAGS,
    viewport: options.viewport ?? { width: 1280, height: 800 },
    timeout: 20_000,
  });
  context.setDefaultTimeout(options.stepMs ?? 10_000);
  return new TestBrowser(context, profile);
}
