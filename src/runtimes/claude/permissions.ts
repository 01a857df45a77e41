/** Answers to the CLI's question whether a tool may run. */

/** Body of a `control_response` to `can_use_tool`. */
export type PermissionAnswer =
  | { readonly behavior: "allow"; readonly updatedInput: Record<string, unknown> }
  | { readonly behavior: "deny"; readonly message: string };

/**
 * Allows every tool with the input it asked for: what it may touch is decided by the sandbox around
 * the agent. A question to the person cannot be put yet, so the agent is told to decide.
 */
export function answerPermission(
  tool: string,
  input: Record<string, unknown>,
): PermissionAnswer {
  if (tool === "AskUserQuestion") {
    return {
      behavior: "deny",
      message:
        "Nobody can answer questions while this turn runs. Choose the most sensible option yourself and say in your answer what you assumed.",
    };
  }
  return { behavior: "allow", updatedInput: input };
}

/** Between two turns nobody watches: the agent waits for the person. */
export function denyOutsideTurn(): PermissionAnswer {
  return {
    behavior: "deny",
    message: "No turn is running. Stop here and wait for the person's next message.",
  };
}
