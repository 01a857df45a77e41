/** The forms a secret turns up in: as it is, and as usual encodings write it. */

/** Shorter secrets would hide ordinary words. */
export const MIN_SECRET_UNITS = 6;
/** Beyond this a secret is looked for in pieces of this length. */
const MAX_PIECE_UNITS = 4096;
/** Encoded forms are looked for up to this length of the secret. */
const MAX_ENCODED_UNITS = 8192;

/** Texts to look for. */
export interface SecretForms {
  /** Found only as they are. */
  readonly exact: readonly string[];
  /** Base64 and hex: also found when a line break or a JSON `\n` is in the middle. */
  readonly wrapped: readonly string[];
}

/** All forms of `secret`; none when it is too short or only stars (a server's way to say "hidden"). */
export function formsOf(secret: string): SecretForms {
  if (secret.length < MIN_SECRET_UNITS || /^\*+$/.test(secret)) return { exact: [], wrapped: [] };
  const head = secret.slice(0, MAX_ENCODED_UNITS);
  const exact = [secret, ...jsonForms(head), ...urlForms(head), htmlForm(head)];
  const bytes = new TextEncoder().encode(head);
  return {
    exact: unique(exact.flatMap(pieces)),
    wrapped: unique([...base64Forms(bytes), ...hexForms(bytes)].flatMap(pieces)),
  };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** A remainder too short to be looked for alone goes with the piece before it. */
function pieces(text: string): string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length; at += MAX_PIECE_UNITS) {
    const start = Math.max(0, Math.min(at, text.length - MIN_SECRET_UNITS));
    parts.push(text.slice(start, at + MAX_PIECE_UNITS));
  }
  return parts;
}

/** Escaped once and twice (JSON in JSON), with escaped slashes, and in ASCII alone. */
function jsonForms(text: string): string[] {
  const once = escapeJson(text);
  const slashes = once.replaceAll("/", "\\/");
  const ascii = [false, true].map((upper) =>
    once.replace(/[^\x20-\x7e]/g, (unit) => {
      const code = unit.charCodeAt(0).toString(16).padStart(4, "0");
      return `\\u${upper ? code.toUpperCase() : code}`;
    })
  );
  return [once, slashes, ...ascii, escapeJson(once), escapeJson(slashes)];
}

function escapeJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** As `encodeURIComponent`, `encodeURI`, strict encoders, forms and Python's `quote` write it. */
function urlForms(text: string): string[] {
  const component = encodeURIComponent(text.toWellFormed());
  const strict = component.replace(/[!'()*]/g, percent);
  const all = [
    component,
    encodeURI(text.toWellFormed()),
    strict,
    strict.replaceAll("%20", "+"),
    strict.replaceAll("%2F", "/"),
    strict.replaceAll("~", "%7E"),
  ];
  const lower = all.map((form) => form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()));
  return [...all, ...lower];
}

function percent(unit: string): string {
  return `%${unit.charCodeAt(0).toString(16).toUpperCase()}`;
}

function htmlForm(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}

/**
 * What of the base64 of any text around it depends on the secret alone: three forms, by the place of its
 * first byte in a group of three, in the standard and the URL alphabet.
 */
function base64Forms(bytes: Uint8Array): string[] {
  const cores = [0, 1, 2].map((before) => {
    const padded = new Uint8Array(before + bytes.length);
    padded.set(bytes, before);
    const text = btoa(Array.from(padded, (byte) => String.fromCharCode(byte)).join(""));
    return text.slice(Math.ceil(before * 8 / 6), Math.floor(padded.length * 8 / 6));
  });
  const url = cores.map((core) => core.replaceAll("+", "-").replaceAll("/", "_"));
  return [...cores, ...url];
}

function hexForms(bytes: Uint8Array): string[] {
  const lower = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [lower, lower.toUpperCase()];
}
