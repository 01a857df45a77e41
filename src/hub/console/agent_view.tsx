/** The agent of a conversation: chosen for a new one beside the message, shown in header and list. */
import type { AgentKind } from "../../protocol/mod.ts";
import { AGENT_NAMES, agentName, effortName } from "./agent_text.ts";
import { rememberAgent, useSelect } from "./state.ts";

/** In the composer, for a conversation that is still to begin: it stays with its agent. */
export function AgentPicker() {
  const isNew = useSelect((s) => s.taskId === null);
  const agent = useSelect((s) => s.agent);
  if (!isNew) return null;
  return (
    <select
      class="picker agent"
      data-testid="agent-picker"
      aria-label="Agent"
      title="The agent that answers. A conversation stays with its agent"
      value={agent}
      onChange={(event) => {
        const wanted = AGENT_NAMES.find((a) => a.agent === event.currentTarget.value);
        if (wanted) rememberAgent(wanted.agent);
      }}
    >
      {AGENT_NAMES.map(({ agent, name }) => <option key={agent} value={agent}>{name}</option>)}
    </select>
  );
}

/** Beside a conversation in the list. */
export function AgentTag({ agent }: { agent: AgentKind }) {
  const short = AGENT_NAMES.find((a) => a.agent === agent)?.short ?? agent;
  return <span class="agent-tag" title={agentName(agent)} data-testid="agent-tag">{short}</span>;
}

/** In the header of a conversation: who answers, and with what. */
export function AgentLine() {
  const task = useSelect((s) => s.conversation?.task ?? null);
  if (!task) return null;
  const { agent, model, effort } = task;
  const more = [model, effort && effortName(effort)].filter(Boolean)
    .map((part) => ` · ${part}`).join("");
  return (
    <span class="agent-line" data-testid="agent" title={agentName(agent) + more}>
      {agentName(agent)}
      <span class="model">{more}</span>
    </span>
  );
}
