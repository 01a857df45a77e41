/** What a test does when the machine lacks something it needs: skip with words, never in silence. */

/** A test definition whose `needs` may answer with the reason why it cannot run here. */
export interface GuardedTest {
  readonly name: string;
  /** The reason why the test cannot run on this machine, or undefined when it can. */
  needs(): string | undefined | Promise<string | undefined>;
  fn(t: Deno.TestContext): void | Promise<void>;
  /** @default true */
  readonly sanitizeOps?: boolean;
  /** @default true */
  readonly sanitizeResources?: boolean;
}

/**
 * Reports that a test cannot run. With `CI=true` that is a failure: a machine that is meant to check
 * everything must be able to.
 *
 * @returns Always true, so that a test can say `if (reason && skipOrFail(reason)) return;`
 * @throws {Error} If `CI` is "true" or "1".
 */
export function skipOrFail(reason: string): true {
  if (inCi()) throw new Error(`Cannot skip with CI=true: ${reason}`);
  // The one place where a skip is said; deno test shows it below the test's name.
  Deno.stderr.writeSync(new TextEncoder().encode(`  SKIPPED: ${reason}\n`));
  return true;
}

/** Registers a test that says why it was skipped and fails instead when `CI=true`. */
export function guardedTest(test: GuardedTest): void {
  Deno.test({
    name: test.name,
    sanitizeOps: test.sanitizeOps ?? true,
    sanitizeResources: test.sanitizeResources ?? true,
    async fn(t) {
      const reason = await test.needs();
      if (reason !== undefined && skipOrFail(reason)) return;
      await test.fn(t);
    },
  });
}

/** Whether skips count as failures. */
export function inCi(): boolean {
  const value = Deno.env.get("CI");
  return value === "true" || value === "1";
}
