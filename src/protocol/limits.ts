/** Bounds of the wire, in one place. */

/**
 * Longest Socket.IO frame either side may send, in UTF-16 units, envelope and acknowledgement
 * included. The servers close the connection without a word above 1,000,000 characters.
 */
export const MAX_FRAME_UNITS = 950_000;

/** What one journaled event may hold at most: a frame less room for the packet header and envelope. */
export const MAX_EVENT_UNITS = 900_000;

/** Longest text in one delta event; longer text is split. */
export const MAX_DELTA_UNITS = 200_000;

/** Server pings every 25 s and gives up after 20 s more (both are constants of the Wegent backend). */
export const PING_INTERVAL_MS = 25_000;
export const PING_TIMEOUT_MS = 20_000;

/** Namespaces of the Socket.IO server at path `/socket.io`. */
export const NAMESPACE = { device: "/local-executor", chat: "/chat" } as const;

/** Wait for the acknowledgement of a registration and of a heartbeat, in milliseconds. */
export const REGISTER_ACK_MS = 10_000;
export const HEARTBEAT_ACK_MS = 5_000;
