/** The client for the way upstream: proxy and certificates as an environment names them. */
import { proxyFor, trustedCertificates } from "../../platform/mod.ts";
import { decoded } from "./proxy_relay.ts";

type Env = Readonly<Record<string, string>>;

/** Makes clients and keeps the last one: a session seldom has another upstream. */
export class ClientCache {
  #key = "";
  #client: Deno.HttpClient | null = null;

  /** The client for `base` in `env`; one that fits is used again. */
  get(base: string, env: Env): Deno.HttpClient {
    const proxy = proxyFor(base, env);
    const secure = base.startsWith("https:") || (proxy?.startsWith("https:") ?? false);
    const files = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "DENO_CERT"].map((name) => env[name]);
    const key = JSON.stringify([proxy, secure, files]);
    if (this.#client && this.#key === key) return this.#client;
    const client = withoutProxyVariables(() =>
      Deno.createHttpClient({
        caCerts: secure ? trustedCertificates(env) : [],
        ...(proxy !== null && { proxy: proxyOption(proxy) }),
      })
    );
    // What still runs through the old one goes on: it is not closed but left to the collector.
    this.#client = client;
    this.#key = key;
    return client;
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
  }
}

/** User and password are not taken from the address by every version. */
function proxyOption(proxy: string): { url: string; basicAuth?: BasicAuth } {
  const url = URL.parse(proxy);
  if (!url?.username || !/^https?:$/.test(url.protocol)) return { url: proxy };
  const basicAuth = { username: decoded(url.username), password: decoded(url.password) };
  url.username = "";
  url.password = "";
  return { url: url.href, basicAuth };
}

interface BasicAuth {
  username: string;
  password: string;
}

/** As programs read them, in either case. */
const PROXY_NAMES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]
  .flatMap((name) => [name, name.toUpperCase()]);

/**
 * Runs `make` without the proxy variables of this process. A client reads them when it is made: it would
 * send even loopback addresses through that proxy, or past the one it is given.
 */
function withoutProxyVariables<T>(make: () => T): T {
  const before = PROXY_NAMES.map((name) => [name, Deno.env.get(name)] as const);
  for (const name of PROXY_NAMES) Deno.env.delete(name);
  try {
    return make();
  } finally {
    for (const [name, value] of before) if (value !== undefined) Deno.env.set(name, value);
  }
}
