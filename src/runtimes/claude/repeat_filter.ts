/**
 * Keeps text from being shown twice. The CLI says every block of text twice anyway, in pieces and
 * whole; and when a stream breaks, it asks the model again and the text comes from its beginning.
 */
export class RepeatFilter {
  /** Text of the current message already shown. */
  #shown = "";
  /** Shown by an attempt that broke off; what repeats it is swallowed. */
  #expected = "";
  /** Repetition seen so far. */
  #repeated = "";
  /** Text of the current block, shown or swallowed. */
  #block = "";
  #open = false;

  /** A message begins; if the one before never ended, this one repeats it. */
  messageStarts(): void {
    this.#expected = this.#open ? this.#shown : "";
    this.#repeated = "";
    this.#shown = "";
    this.#block = "";
    this.#open = true;
  }

  messageEnds(): void {
    this.#open = false;
    this.#shown = "";
    this.#expected = "";
    this.#repeated = "";
  }

  blockStarts(): void {
    this.#block = "";
  }

  /** A streamed piece → what of it is new. */
  streamed(piece: string): string {
    this.#block += piece;
    return this.#pass(piece);
  }

  /** A whole block → what of it has not been shown in pieces. */
  whole(text: string): string {
    const block = this.#block;
    this.#block = "";
    if (text.startsWith(block)) return this.#pass(text.slice(block.length));
    // Asked again without a stream: the block begins anew.
    this.#expected = this.#shown;
    this.#repeated = "";
    this.#shown = "";
    const fresh = this.#pass(text);
    this.messageEnds();
    return fresh;
  }

  #pass(piece: string): string {
    if (this.#expected === "") {
      this.#shown += piece;
      return piece;
    }
    this.#repeated += piece;
    if (this.#expected.startsWith(this.#repeated)) return "";
    const fresh = this.#repeated.startsWith(this.#expected)
      ? this.#repeated.slice(this.#expected.length)
      // The second answer is another one: it is shown whole, on a line of its own.
      : `\n\n${this.#repeated}`;
    this.#shown = this.#repeated;
    this.#expected = "";
    this.#repeated = "";
    return fresh;
  }
}
