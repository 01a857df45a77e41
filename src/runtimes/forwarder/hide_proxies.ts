/** An environment whose proxies with a password are replaced by relays of the session. */
import type { ForwardSeam } from "./upstream.ts";

/**
 * Puts addresses of the session into `env` in place of proxies with a password.
 *
 * @returns The addresses that are not in `env` any more.
 */
export function hideProxies(env: Record<string, string>, forward: ForwardSeam): string[] {
  const real = { ...env };
  const hidden: string[] = [];
  for (const [name, value] of Object.entries(real)) {
    if (!/^(?:https?|all)_proxy$/i.test(name)) continue;
    const address = forward.proxy(value, real);
    if (address === null) continue;
    env[name] = address;
    hidden.push(value);
  }
  return hidden;
}
