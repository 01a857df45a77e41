/**
 * Secrets taken out of texts: each one, in every form of `_secret_forms.ts`, becomes `***`, also when it
 * comes in pieces. It stops accidents, not whoever rewrites a secret on purpose.
 */
import { Automaton } from "./_secret_automaton.ts";
import { formsOf, MIN_SECRET_UNITS } from "./_secret_forms.ts";

export { MIN_SECRET_UNITS };

/** What stands for a secret. */
export const SECRET_MARK = "***";

/**
 * A beginning shorter than this is not held back: it says nothing, and texts would come in other pieces
 * than the agent sent whenever one ends with the first letter of a key.
 */
const MIN_HELD_UNITS = 3;

/** So many breaks in a row (`\r\n` in JSON) are part of an encoded text; more end it. */
const MAX_BREAK_UNITS = 4;

const BACKSLASH = 92;

/** From here to there; a start below zero lies before the text, and its mark is out already. */
interface Span {
  start: number;
  end: number;
}

/** Where a text stands in both automata. */
interface Place {
  exact: number;
  wrapped: number;
  /** Units of line breaks just before. */
  breaks: number;
  /** The last unit was a backslash. */
  escape: boolean;
}

/** The secrets of one process or one turn; see the module comment. */
export class SecretMasker {
  readonly #secrets = new Set<string>();
  #automata: { readonly exact: Automaton; readonly wrapped: Automaton } | null = null;
  /** Counts the changes; a stream reads again what it holds after one. */
  #version = 0;

  constructor(secrets: Iterable<string> = []) {
    this.add(secrets);
  }

  /** Masks these too from now on; those shorter than {@link MIN_SECRET_UNITS} are left alone. */
  add(secrets: Iterable<string>): void {
    const before = this.#secrets.size;
    for (const secret of secrets) {
      if (secret.length >= MIN_SECRET_UNITS) this.#secrets.add(secret);
    }
    if (this.#secrets.size === before) return;
    this.#automata = null;
    this.#version++;
  }

  /** For {@link MaskStream}. */
  get version(): number {
    return this.#version;
  }

  /** `text` without secrets; the same text when there is none in it. */
  mask(text: string): string {
    if (this.#secrets.size === 0 || text.length < MIN_SECRET_UNITS) return text;
    const spans: Span[] = [];
    this.scan(text, 0, newPlace(), spans);
    return spans.length === 0 ? text : render(text, text.length, spans);
  }

  /** Masks a text that comes in pieces. */
  stream(): MaskStream {
    return new MaskStream(this);
  }

  /**
   * Finds the secrets that end in `text` from index `from` on; moves `place` along and adds to `spans`,
   * which stay in order and apart. For {@link MaskStream}.
   */
  scan(text: string, from: number, place: Place, spans: Span[]): void {
    if (this.#secrets.size === 0) return;
    const { exact, wrapped } = this.#built();
    let { exact: e, wrapped: w, breaks, escape } = place;
    for (let i = from; i < text.length; i++) {
      const code = text.charCodeAt(i);
      e = exact.next(e, code);
      if (exact.ends[e] !== 0) cover(spans, i + 1 - exact.ends[e]!, i + 1);
      if (isBreak(code, escape)) {
        escape = code === BACKSLASH;
        if (++breaks > MAX_BREAK_UNITS) w = 0;
        continue;
      }
      escape = false;
      breaks = 0;
      w = wrapped.next(w, code);
      if (wrapped.ends[w] !== 0) cover(spans, back(text, i + 1, wrapped.ends[w]!), i + 1);
    }
    Object.assign(place, { exact: e, wrapped: w, breaks, escape });
  }

  /** Index in `text` from which on it may be the beginning of a secret. For {@link MaskStream}. */
  heldFrom(text: string, place: Place): number {
    if (this.#secrets.size === 0) return text.length;
    const { exact, wrapped } = this.#built();
    const e = exact.begun(place.exact);
    const w = wrapped.begun(place.wrapped);
    return Math.min(
      e < MIN_HELD_UNITS ? text.length : Math.max(0, text.length - e),
      w < MIN_HELD_UNITS ? text.length : back(text, text.length, w),
    );
  }

  /** True when what has begun is at least half of a secret. For {@link MaskStream}. */
  betrays(place: Place): boolean {
    if (this.#secrets.size === 0) return false;
    const { exact, wrapped } = this.#built();
    return exact.half(place.exact) || wrapped.half(place.wrapped);
  }

  #built(): { readonly exact: Automaton; readonly wrapped: Automaton } {
    if (this.#automata) return this.#automata;
    const forms = [...this.#secrets].map(formsOf);
    return this.#automata = {
      exact: new Automaton(forms.flatMap(({ exact }) => exact)),
      wrapped: new Automaton(forms.flatMap(({ wrapped }) => wrapped)),
    };
  }
}

/**
 * Masks one text that comes in pieces. What may be the beginning of a secret is held back until the next
 * piece tells, at most as much as the longest form of one has.
 */
export class MaskStream {
  #place = newPlace();
  #version: number;
  #held = "";
  /** Secrets that end in what is held. */
  #spans: Span[] = [];

  constructor(private readonly masker: SecretMasker) {
    this.#version = masker.version;
  }

  /** What can be shown now. */
  push(piece: string): string {
    const text = this.#held + piece;
    let from = this.#held.length;
    if (this.#version !== this.masker.version) {
      // Secrets were added: what is held is read again.
      this.#version = this.masker.version;
      this.#place = newPlace();
      from = 0;
    }
    const spans = this.#spans;
    this.masker.scan(text, from, this.#place, spans);
    const keep = this.masker.heldFrom(text, this.#place);
    this.#held = text.slice(keep);
    if (spans.length === 0) return keep === text.length ? text : text.slice(0, keep);
    this.#spans = spans.filter(({ end }) => end > keep)
      .map(({ start, end }) => ({ start: start - keep, end: end - keep }));
    return render(text, keep, spans);
  }

  /**
   * What is still held, because the text is interrupted here; half a secret counts as a whole one. What
   * comes later is read on, so that a secret that goes on then does not show its end.
   */
  flush(): string {
    const out = this.push("");
    const [held, spans] = [this.#held, this.#spans];
    this.#held = "";
    this.#spans = [];
    if (held === "") return out;
    const covered = spans.some(({ start, end }) => start < 0 && end >= held.length);
    if (!covered && this.masker.betrays(this.#place)) return out + SECRET_MARK;
    return out + render(held, held.length, spans);
  }
}

function newPlace(): Place {
  return { exact: 0, wrapped: 0, breaks: 0, escape: false };
}

/** Line breaks, plain or as JSON writes them, do not end what is encoded. */
function isBreak(code: number, escape: boolean): boolean {
  return code === 10 || code === 13 || code === BACKSLASH ||
    (escape && (code === 110 || code === 114));
}

/** The index at which the last `count` units before `end` begin, breaks not counted. */
function back(text: string, end: number, count: number): number {
  let at = end;
  for (let left = count; at > 0 && left > 0; at--) {
    const code = text.charCodeAt(at - 1);
    if (!isBreak(code, at > 1 && text.charCodeAt(at - 2) === BACKSLASH)) left--;
  }
  return at;
}

/** Adds a span that ends at or after all others; those it overlaps or touches become one with it. */
function cover(spans: Span[], start: number, end: number): void {
  let from = Math.max(0, start);
  for (let last = spans.at(-1); last && last.end >= from; last = spans.at(-1)) {
    from = Math.min(from, last.start);
    spans.pop();
  }
  spans.push({ start: from, end });
}

/** `text` up to `limit`, with a mark for each span that begins in it. */
function render(text: string, limit: number, spans: readonly Span[]): string {
  let out = "";
  let at = 0;
  for (const { start, end } of spans) {
    if (start >= limit) break;
    if (start >= 0) out += text.slice(at, start) + SECRET_MARK;
    at = end;
  }
  return at < limit ? out + text.slice(at, limit) : out;
}
