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

const BACKSLASH = 92;

/** From here to there. */
interface Span {
  start: number;
  end: number;
}

/** Where a text stands in both automata. */
interface Place {
  exact: number;
  wrapped: number;
  /** The last unit was a backslash. */
  escape: boolean;
}

/** The secrets of one process or one turn; see the module comment. */
export class SecretMasker {
  readonly #secrets = new Set<string>();
  #exact: Automaton | null = null;
  #wrapped: Automaton | null = null;
  /** Counts the changes of the automata. */
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
    this.#exact = null;
    this.#wrapped = null;
    this.#version++;
  }

  get version(): number {
    return this.#version;
  }

  /** `text` without secrets; the same text when there is none in it. */
  mask(text: string): string {
    if (this.#secrets.size === 0 || text.length < MIN_SECRET_UNITS) return text;
    const spans = this.scan(text, 0, newPlace());
    return spans.length === 0 ? text : render(text, text.length, spans, 0);
  }

  /** Masks a text that comes in pieces. */
  stream(): MaskStream {
    return new MaskStream(this);
  }

  /**
   * Finds the secrets that end in `text` from index `from` on, and moves `place` along. For
   * {@link MaskStream}.
   *
   * @returns Spans in order that neither overlap nor touch.
   */
  scan(text: string, from: number, place: Place): Span[] {
    const spans: Span[] = [];
    const [exact, wrapped] = this.#automata();
    let { exact: e, wrapped: w, escape } = place;
    for (let i = from; i < text.length; i++) {
      const code = text.charCodeAt(i);
      e = exact.next(e, code);
      if (exact.ends[e] !== 0) cover(spans, i + 1 - exact.ends[e]!, i + 1);
      if (isBreak(code, escape)) {
        escape = code === BACKSLASH;
        continue;
      }
      escape = false;
      w = wrapped.next(w, code);
      if (wrapped.ends[w] !== 0) cover(spans, back(text, i + 1, wrapped.ends[w]!), i + 1);
    }
    place.exact = e;
    place.wrapped = w;
    place.escape = escape;
    return spans;
  }

  /** Index in `text` from which on it may be the beginning of a secret. */
  heldFrom(text: string, place: Place): number {
    if (this.#secrets.size === 0) return text.length;
    const [exact, wrapped] = this.#automata();
    const e = exact.depth[place.exact]!;
    const w = wrapped.depth[place.wrapped]!;
    return Math.min(
      e < MIN_HELD_UNITS ? text.length : Math.max(0, text.length - e),
      w < MIN_HELD_UNITS ? text.length : back(text, text.length, w),
    );
  }

  /** True when what has begun is at least half of a secret. */
  betrays(place: Place): boolean {
    if (this.#secrets.size === 0) return false;
    const [exact, wrapped] = this.#automata();
    return isHalf(exact, place.exact) || isHalf(wrapped, place.wrapped);
  }

  #automata(): [Automaton, Automaton] {
    if (this.#exact === null || this.#wrapped === null) {
      const forms = [...this.#secrets].map(formsOf);
      this.#exact = new Automaton([...new Set(forms.flatMap(({ exact }) => exact))]);
      this.#wrapped = new Automaton([...new Set(forms.flatMap(({ wrapped }) => wrapped))]);
    }
    return [this.#exact, this.#wrapped];
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
  /** So much of what is held belongs to a secret whose mark is out already. */
  #covered = 0;

  constructor(private readonly masker: SecretMasker) {
    this.#version = masker.version;
  }

  /** What can be shown now, up to and with this piece. */
  push(piece: string): string {
    this.#adopt();
    const text = this.#held + piece;
    const spans = this.masker.scan(text, this.#held.length, this.#place);
    const keep = this.masker.heldFrom(text, this.#place);
    if (keep === text.length && spans.length === 0 && this.#covered === 0) {
      this.#held = "";
      return text;
    }
    const covered = this.#covered;
    const open = spans.at(-1);
    // A secret that has ended while a longer one may go on: its mark is shown, its rest is not.
    this.#covered = Math.max(0, covered - keep, open && open.start < keep ? open.end - keep : 0);
    this.#held = text.slice(keep);
    return render(text, keep, spans, covered);
  }

  /**
   * What is still held; the text is interrupted here. What comes later is read on, so that a secret that
   * goes on then is not shown to its end. Half a secret counts as one.
   */
  flush(): string {
    const rest = this.#held.slice(this.#covered);
    this.#held = "";
    this.#covered = 0;
    return rest !== "" && this.masker.betrays(this.#place) ? SECRET_MARK : rest;
  }

  /** Secrets were added: what is held is read again. */
  #adopt(): void {
    if (this.#version === this.masker.version) return;
    this.#version = this.masker.version;
    this.#place = newPlace();
    const held = this.#held;
    this.#held = "";
    // Held text ends no secret that was known; one that was added is found with what follows.
    this.masker.scan(held, 0, this.#place);
    this.#held = held;
  }
}

function newPlace(): Place {
  return { exact: 0, wrapped: 0, escape: false };
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

function isHalf(automaton: Automaton, node: number): boolean {
  return automaton.depth[node]! * 2 >= Math.max(automaton.goal[node]!, 1) && node !== 0;
}

/** Adds a span whose end is not before any other's end. */
function cover(spans: Span[], start: number, end: number): void {
  const from = Math.max(0, start);
  let last = spans.at(-1);
  if (!last || last.end < from) {
    spans.push({ start: from, end });
    return;
  }
  last.start = Math.min(last.start, from);
  last.end = end;
  // A longer one may reach back over several.
  for (let before = spans.at(-2); before && before.end >= last.start; before = spans.at(-2)) {
    before.start = Math.min(before.start, last.start);
    before.end = end;
    spans.pop();
    last = before;
  }
}

/** `text` up to `limit` with marks for the spans; the first `covered` units are left out unmarked. */
function render(text: string, limit: number, spans: readonly Span[], covered: number): string {
  let out = "";
  let at = Math.min(covered, limit);
  for (const { start, end } of spans) {
    if (start >= limit) break;
    if (start <= at && at > 0 && at === covered) {
      at = Math.max(at, end);
      continue;
    }
    out += text.slice(at, Math.max(at, start)) + SECRET_MARK;
    at = Math.max(at, end);
  }
  return out + text.slice(at, Math.max(at, limit));
}
