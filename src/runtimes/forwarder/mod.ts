/** The loopback forwarder: agents talk to their model through it and never see the real key. */
export { KeyForwarder } from "./forwarder.ts";
export { hideProxies } from "./hide_proxies.ts";
export { rehearseForwarding } from "./rehearsal.ts";
export type { Credential, ForwardRoute, ForwardSeam, Upstream } from "./upstream.ts";
