/**
 * An Aho-Corasick automaton: finds all of many texts in one pass, and knows after every unit how much of
 * a text may have begun. Built once, then read only.
 */

/** Node 0 is the root: nothing has begun. */
export class Automaton {
  /** Length of what has begun at a node. */
  readonly depth: Int32Array;
  /** Length of the longest text that ends at a node; 0: none does. */
  readonly ends: Int32Array;
  /** Length of the shortest text that goes through a node. */
  readonly goal: Int32Array;
  readonly #unit: Int32Array;
  readonly #child: Int32Array;
  readonly #sibling: Int32Array;
  readonly #fail: Int32Array;
  /** Children of the root by unit; others by list. */
  readonly #first = new Int32Array(128);

  constructor(texts: readonly string[]) {
    const bound = texts.reduce((sum, text) => sum + text.length, 1);
    const array = () => new Int32Array(bound);
    const [depth, ends, goal, unit, child, sibling, fail] = [1, 2, 3, 4, 5, 6, 7].map(array) as [
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
      Int32Array,
    ];
    this.#unit = unit;
    this.#child = child;
    this.#sibling = sibling;
    let count = 1;
    for (const text of texts) {
      let node = 0;
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        let next = this.#step(node, code);
        if (next === 0) {
          next = count++;
          unit[next] = code;
          depth[next] = i + 1;
          sibling[next] = child[node]!;
          child[node] = next;
        }
        goal[next] = Math.min(goal[next] || text.length, text.length);
        node = next;
      }
      ends[node] = text.length;
    }
    this.#fail = fail;
    this.depth = depth.slice(0, count);
    this.ends = ends.slice(0, count);
    this.goal = goal.slice(0, count);
    this.#unit = unit.slice(0, count);
    this.#child = child.slice(0, count);
    this.#sibling = sibling.slice(0, count);
    this.#fail = fail.slice(0, count);
    for (let node = this.#child[0]!; node !== 0; node = this.#sibling[node]!) {
      if (this.#unit[node]! < 128) this.#first[this.#unit[node]!] = node;
    }
    this.#link();
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
    const queue = new Int32Array(this.depth.length);
    let [read, write] = [0, 1];
    while (read < write) {
      const node = queue[read++]!;
      for (let at = this.#child[node]!; at !== 0; at = this.#sibling[at]!) {
        queue[write++] = at;
        if (node === 0) continue;
        const link = this.next(this.#fail[node]!, this.#unit[at]!);
        this.#fail[at] = link;
        this.ends[at] = Math.max(this.ends[at]!, this.ends[link]!);
      }
    }
  }
}
