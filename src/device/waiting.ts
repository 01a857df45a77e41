/** Waiting for a state. */

/** Resolves when `condition` holds, looked at every few milliseconds, or after `ms`. */
export async function until(condition: () => boolean, ms: number): Promise<void> {
  const deadline = Date.now() + ms;
  while (!condition() && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
