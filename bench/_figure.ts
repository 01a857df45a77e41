/** What a figure is, and how several runs become one. */

/** What a figure should be. */
export interface Goal {
  readonly value: number;
  /** `most`: the value should be this or less. `least`: this or more. */
  readonly is: "most" | "least";
}

/** One measured number. */
export interface Figure {
  /** Words joined by `-`, parts of a figure after a dot. */
  readonly name: string;
  /** Median of the runs. */
  readonly value: number;
  readonly unit: "ms" | "MB" | "% of a core" | "events/s";
  readonly goal?: Goal;
  /** The limit, or somebody else's figure, measured in the same run. */
  readonly peer?: { readonly name: string; readonly value: number };
  readonly min: number;
  readonly max: number;
  readonly runs: number;
  readonly note?: string;
}

/** The middle one of `values`, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  if (low === undefined || high === undefined) throw new Error("A figure needs a run");
  return (low + high) / 2;
}

/** The members of a figure that come from its runs. */
export function summary(
  values: readonly number[],
): Pick<Figure, "value" | "min" | "max" | "runs"> {
  return {
    value: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    runs: values.length,
  };
}

/** Goal: `value` or less. */
export function atMost(value: number): Goal {
  return { value, is: "most" };
}

/** Goal: `value` or more. */
export function atLeast(value: number): Goal {
  return { value, is: "least" };
}

/** The line that is printed for a figure: numbers rounded, goal judged, ratio to the peer added. */
export function lineOf(figure: Figure, from: "binary" | "source"): Record<string, unknown> {
  const { name, value, unit, goal, peer, min, max, runs, note } = figure;
  return {
    name,
    value: rounded(value),
    unit,
    ...(goal && {
      goal: `${goal.is === "most" ? "<=" : ">="} ${goal.value}`,
      met: goal.is === "most" ? value <= goal.value : value >= goal.value,
    }),
    ...(peer && {
      peer: { name: peer.name, value: rounded(peer.value) },
      ratio: rounded(value / peer.value),
    }),
    min: rounded(min),
    max: rounded(max),
    runs,
    from,
    ...(note && { note }),
  };
}

function rounded(value: number): number {
  if (!Number.isFinite(value)) return 0;
  return value >= 1000 ? Math.round(value) : Number(value.toPrecision(3));
}

/** Milliseconds since the epoch with parts of a millisecond; the same clock in every process. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
