/** Hidden `__launch`: applies the sandbox and becomes the command it is given. */
import { runLauncher } from "../scope/mod.ts";

export default function launch(args: string[]): Promise<number | null> {
  return Promise.resolve(runLauncher(args));
}
