/** The host a request needs, as the worker asks the supervisor for it. */
import { type ExecuteRequest, isGlobalTask } from "../protocol/mod.ts";
import { requestedAgent } from "../runtimes/mod.ts";
import { chatName } from "../workdir/mod.ts";
import type { HostStart } from "./messages.ts";

/** Longest path of a request that is passed on; a longer one is refused by its length. */
const MAX_PATH = 8192;

/** Names session and directory; decides nothing. */
export function hostRequest(request: ExecuteRequest): Omit<HostStart, "t" | "id"> {
  const bot = request.bot[0];
  const agent = requestedAgent(request);
  const ownLogin = agent.usesOwnLogin(request);
  // Sessions of the first agent have the names they had when there was no other.
  const of = agent.name === "claude" ? "" : `-${agent.name}`;
  return {
    kind: "agent",
    runtime: agent.name,
    task_id: request.task_id,
    key: `b${bot?.id ?? 0}${of}${ownLogin ? "-own" : ""}`,
    own_config: ownLogin || isGlobalTask(request),
    own_login: ownLogin,
    directory: {
      device_id: text(request.device_id, 200),
      workdir: request.workdir ?? null,
      workdir_policy: text(request.workdir_policy),
      git_url: text(request.git_url),
      branch: text(request.branch_name),
      skip_clone: request.skip_git_clone,
      project_id: request.project_id ?? null,
      workspace_source: text(request.workspace_source, 100),
      project_path: text(request.project_workspace_path),
      bot_cwd: text(bot?.cwd),
      standalone_chat: request.standalone_chat_workspace,
      chat_name: chatName(promptText(request.prompt)),
    },
  };
}

/** Blank counts as absent. */
function text(value: string | null | undefined, max = MAX_PATH): string | null {
  return value?.trim() ? value.slice(0, max) : null;
}

/** The text of a prompt, without its other blocks. */
export function promptText(prompt: ExecuteRequest["prompt"]): string {
  if (typeof prompt === "string") return prompt;
  return prompt.map((block) => block.text ?? block["content"])
    .filter((part): part is string => typeof part === "string").join("\n");
}
