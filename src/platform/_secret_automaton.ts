/**
 * An Aho-Corasick automaton: finds all of many texts in one pass, and knows after every unit how much of
 * a text may have begun. Built once, then read only.
 */

/** Node 0 is the root: nothing has begun. */
export class Automaton {
  readonly #depth: Int32Array;
  /** The node, or else the longest end of it, that can go on. */
  readonly #open: Int32Array;
  /** Length of the longest text that ends at a node; 0: none does. */
  readonly ends: Int32Array;
  /** Length of the shortest text that goes through a node. */
  readonly #goal: Int32Array;
  readonly #unit: Int32Array;
  readonly #child: Int32Array;
  readonly #sibling: Int32Array;
  readonly #fail: Int32Array;
  /** Children of the root by unit; others by list. */
  readonly #first = new Int32Array(128);

  constructor(texts: readonly string[]) {
    const bound = texts.reduce((sum, text) => sum + text.length, 1);
    this.#unit = new Int32Array(bound);
    this.#child = new Int32Array(bound);
    this.#sibling = new Int32Array(bound);
    this.#fail = new Int32Array(bound);
    this.#depth = new Int32Array(bound);
    this.#open = new Int32Array(bound);
    this.#goal = new Int32Array(bound);
    this.ends = new Int32Array(bound);
    let count = 1;
    for (const text of texts) {
      let node = 0;
      for (let i = 0; i < text.length; i++) {
        let next = this.#step(node, text.charCodeAt(i));
        if (next === 0) this.#grow(node, next = count++, text.charCodeAt(i));
        this.#goal[next] = Math.min(this.#goal[next] || text.length, text.length);
        node = next;
      }
      this.ends[node] = text.length;
    }
    this.#link();
  }

  #grow(parent: number, node: number, code: number): void {
    this.#unit[node] = code;
    this.#depth[node] = this.#depth[parent]! + 1;
    this.#sibling[node] = this.#child[parent]!;
    this.#child[parent] = node;
    if (parent === 0 && code < 128) this.#first[code] = node;
  }

  /** Length of the longest text that has begun at `node` and may go on. */
  begun(node: number): number {
    return this.#depth[this.#open[node]!]!;
  }

  /** True when at least half of a text has begun at `node` and may go on. */
  half(node: number): boolean {
    for (let at = this.#open[node]!; at !== 0; at = this.#open[this.#fail[at]!]!) {
      if (this.#depth[at]! * 2 >= this.#goal[at]!) return true;
    }
    return false;
  }

  /** The node after `code` at `node`. */
  next(node: number, code: number): number {
    for (let at = node; at !== 0; at = this.#fail[at]!) {
      const found = this.#step(at, code);
      if (found !== 0) return found;
    }
    return code < 128 ? this.#first[code]! : this.#step(0, code);
  }

  #step(node: number, code: number): number {
    let at = this.#child[node]!;
    while (at !== 0 && this.#unit[at] !== code) at = this.#sibling[at]!;
    return at;
  }

  /** Links every node to the longest end of it that is a beginning too, level by level. */
  #link(): void {
    const queue = new Int32Array(this.#depth.length);
    let [read, write] = [0, 1];
    while (read < write) {
      const node = queue[read++]!;
      const fail = this.#fail[node]!;
      this.#open[node] = this.#child[node] === 0 ? this.#open[fail]! : node;
      for (let at = this.#child[node]!; at !== 0; at = this.#sibling[at]!) {
        queue[write++] = at;
        if (node === 0) continue;
        const link = this.next(fail, this.#unit[at]!);
        this.#fail[at] = link;
        this.ends[at] = Math.max(this.ends[at]!, this.ends[link]!);
      }
    }
  }
}
