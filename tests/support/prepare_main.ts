/** A preparation in a process of its own, which can be killed: job and seam as JSON on standard input. */
import { toAppError } from "../../src/platform/mod.ts";
import { prepareWorkspace } from "../../src/workdir/mod.ts";

const input = JSON.parse(await new Response(Deno.stdin.readable).text());
const say = (value: unknown) =>
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(value) + "\n"));
try {
  const prepared = await prepareWorkspace(input.job, {
    ...input.seam,
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  say({ prepared });
} catch (error) {
  say({ error: toAppError(error).toJSON() });
}
