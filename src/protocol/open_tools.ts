/** Tools of a run that have begun and not ended, as its events tell. Pure. */
import * as z from "zod";

/** One of them. */
export const openTool = z.looseObject({
  id: z.string(),
  name: z.string(),
  /** JSON text; empty while they are not complete. */
  arguments: z.string(),
});
export type OpenTool = z.infer<typeof openTool>;

/** See the module comment. */
export class OpenTools {
  readonly #tools: Map<string, OpenTool>;

  constructor(open: readonly OpenTool[] = []) {
    this.#tools = new Map(open.map((tool) => [tool.id, tool]));
  }

  get list(): OpenTool[] {
    return [...this.#tools.values()];
  }

  /** Takes note of an event of the run. */
  note(event: string, data: Readonly<Record<string, unknown>>): void {
    switch (event) {
      case "response.output_item.added": {
        const { id, name } = itemOf(data);
        if (id) this.#tools.set(id, { id, name: name ?? "", arguments: "" });
        return;
      }
      case "response.function_call_arguments.done": {
        const { item_id: id, arguments: text } = data;
        const tool = this.#tools.get(String(id));
        if (tool && typeof text === "string") {
          this.#tools.set(tool.id, { ...tool, arguments: text });
        }
        return;
      }
      case "response.output_item.done": {
        const { id } = itemOf(data);
        if (id) this.#tools.delete(id);
      }
    }
  }
}

function itemOf(data: Readonly<Record<string, unknown>>): { id?: string; name?: string } {
  const item = data["item"] as Readonly<Record<string, unknown>> | undefined;
  const { id, name } = item ?? {};
  return {
    ...(typeof id === "string" && { id }),
    ...(typeof name === "string" && { name }),
  };
}
