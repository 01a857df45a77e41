/**
 * The MCP servers a repository brings along in `.mcp.json`. Headless, the CLI would start them without a
 * question, so it is told to look at no list but ours, and this one is read where the owner trusts the
 * directory.
 */
import * as z from "zod";
import { errorText, parseJson } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";

const FILE = ".mcp.json";
const MAX_BYTES = 1024 * 1024;

const serverList = z.looseObject({
  mcpServers: z.record(z.string().min(1).max(200), z.record(z.string(), z.unknown())),
});
type Servers = z.infer<typeof serverList>["mcpServers"];

/** The servers, and a sentence for the person when the file cannot be used. */
export function workspaceServers(workdir: string): { servers: Servers; note: string | null } {
  const none = (why: string) => ({
    servers: {},
    note: `The MCP servers of ${FILE} are left out: ${why}`,
  });
  let text: string;
  try {
    const { isFile, size } = Deno.statSync(join(workdir, FILE));
    if (!isFile || size > MAX_BYTES) return none("it is no file of a reasonable size");
    text = Deno.readTextFileSync(join(workdir, FILE));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { servers: {}, note: null };
    return none(errorText(error));
  }
  const parsed = serverList.safeParse(parseJson(text));
  if (parsed.success) return { servers: parsed.data.mcpServers, note: null };
  return none('it does not hold {"mcpServers": {…}}');
}
