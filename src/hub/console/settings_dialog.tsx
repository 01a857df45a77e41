/** What a person sets once: each agent's answers, MCP servers, keys for devices. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { AgentSettings } from "./agent_settings.tsx";
import { KeySection } from "./key_settings.tsx";
import { McpSettings } from "./mcp_settings.tsx";
import { currentAgent, getState, setState } from "./state.ts";

const TABS: readonly { id: string; name: string; draw: () => ComponentChildren }[] = [
  { id: "claude", name: "Claude Code", draw: () => <AgentSettings key="claude" agent="claude" /> },
  { id: "codex", name: "Codex", draw: () => <AgentSettings key="codex" agent="codex" /> },
  { id: "mcp", name: "MCP servers", draw: () => <McpSettings /> },
  { id: "devices", name: "Device keys", draw: () => <KeySection /> },
];

export function SettingsDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [tab, setTab] = useState<string>(currentAgent(getState()));
  useEffect(() => dialog.current?.showModal(), []);
  const close = () => dialog.current?.close();
  return (
    <dialog
      ref={dialog}
      class="settings wide"
      data-testid="settings-dialog"
      aria-labelledby="settings-title"
      onClose={() => setState({ settingsOpen: false })}
    >
      <header>
        <h2 id="settings-title">Settings</h2>
        <button type="button" class="icon" aria-label="Close" onClick={close}>✕</button>
      </header>
      <Tabs tab={tab} setTab={setTab} />
      <div
        role="tabpanel"
        id="settings-panel"
        aria-labelledby={`settings-tab-${tab}`}
        class="panel"
      >
        {TABS.find(({ id }) => id === tab)?.draw()}
      </div>
    </dialog>
  );
}

/** One tab at a time is in the order of the Tab key; arrows go to the others. */
function Tabs({ tab, setTab }: { tab: string; setTab: (id: string) => void }) {
  const list = useRef<HTMLDivElement>(null);
  const go = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = TABS.findIndex(({ id }) => id === tab);
    const next = TABS.at((at + step) % TABS.length);
    if (!next) return;
    setTab(next.id);
    list.current?.querySelector<HTMLElement>(`#settings-tab-${next.id}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Settings" ref={list} onKeyDown={go}>
      {TABS.map(({ id, name }) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={`settings-tab-${id}`}
          class="quiet tab"
          data-testid={`settings-tab-${id}`}
          aria-selected={id === tab}
          aria-controls="settings-panel"
          tabIndex={id === tab ? 0 : -1}
          onClick={() => setTab(id)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
