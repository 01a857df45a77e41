/** Which proxy a URL goes through, by the usual environment variables. */

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for `url`, or null for a direct connection. `https`/`wss` use `HTTPS_PROXY`, `http`/`ws`
 * use `HTTP_PROXY`, both fall back to `ALL_PROXY`; lower-case names win, as in curl. Loopback
 * addresses and hosts in `NO_PROXY` (names, suffixes, `host:port`, `*`) are reached directly.
 */
export function proxyFor(url: string, env: Env): string | null {
  const target = new URL(url);
  const secure = target.protocol === "https:" || target.protocol === "wss:";
  const proxy = read(env, secure ? "https_proxy" : "http_proxy") ??
    read(env, "all_proxy");
  if (!proxy || isLoopback(target.hostname)) return null;
  const port = target.port || (secure ? "443" : "80");
  if (noProxy(target.hostname, port, read(env, "no_proxy") ?? "")) return null;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

function read(env: Env, name: string): string | undefined {
  return (env[name] || env[name.toUpperCase()])?.trim() || undefined;
}

/** True for addresses that never leave this machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") ||
    hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function noProxy(hostname: string, port: string, list: string): boolean {
  return list.split(/[\s,]+/).filter(Boolean).some((entry) => {
    if (entry === "*") return true;
    const [, host = "", entryPort] = entry.match(/^(.*?)(?::(\d+))?$/) ?? [];
    if (entryPort && entryPort !== port) return false;
    const suffix = host.replace(/^\*?\./, "").toLowerCase();
    return hostname.toLowerCase() === suffix ||
      hostname.toLowerCase().endsWith(`.${suffix}`);
  });
}
