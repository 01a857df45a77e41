/** Hidden `__host`: a session host. */
import { runSessionHost } from "../hosts/session_host.ts";

export default async function host(): Promise<number | null> {
  return await runSessionHost();
}
