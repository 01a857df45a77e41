// deno-lint-ignore-file no-console -- this is the one place that prints
/** Everything the program says to a person. Results go to standard output, the rest to standard error. */
import { AppError, errorText } from "../platform/mod.ts";

/** A line on standard output. */
export function print(line = ""): void {
  console.log(line);
}

/** A line on standard error. */
export function note(line: string): void {
  console.error(line);
}

/** A value as JSON on standard output, for `--json`. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** An error with its remedy, and its cause where that says something new. */
export function printError(error: AppError): void {
  console.error(`error: ${error.message}`);
  if (error.remedy) console.error(`  try: ${error.remedy}`);
  const cause = error.cause === undefined ? "" : errorText(error.cause);
  if (cause && cause !== error.message) console.error(`  cause: ${cause}`);
}

/** True when colours and redrawn lines make sense on standard error. */
export function interactive(): boolean {
  return Deno.stderr.isTerminal() && Deno.env.get("TERM") !== "dumb";
}

/** Draws a progress bar on one line; on something that is no terminal, a line every ten percent. */
export function progressBar(
  label: string,
): (done: number, total: number) => void {
  const encoder = new TextEncoder();
  const redraw = interactive();
  let last = -1;
  return (done, total) => {
    const percent = total > 0 ? Math.min(100, Math.floor(done / total * 100)) : 0;
    if (percent === last || (!redraw && percent % 10 !== 0)) return;
    last = percent;
    const size = `${(done / 1e6).toFixed(0)}/${(total / 1e6).toFixed(0)} MB`;
    if (!redraw) return note(`${label} ${percent}% (${size})`);
    const bar = "█".repeat(Math.floor(percent / 4)).padEnd(25, "░");
    const end = percent === 100 ? "\n" : "";
    Deno.stderr.writeSync(
      encoder.encode(`\r${label} ${bar} ${percent}% ${size} ${end}`),
    );
  };
}
