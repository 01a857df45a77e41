/** Where an agent's answers come from: provider, key, models; and the proxy of Codex. */
import { useState } from "preact/hooks";
import type { AgentKind, AgentSettingsView, ProviderKind } from "../../protocol/mod.ts";
import { agentName } from "./agent_text.ts";
import { api } from "./api.ts";
import { errorText, refreshSettings } from "./data.ts";
import { useSelect } from "./state.ts";

const PROVIDERS: readonly {
  kind: ProviderKind;
  name: string;
  hint: (agent: AgentKind) => string;
}[] = [
  {
    kind: "own_login",
    name: "The device's own login",
    hint: (agent) =>
      `${agentName(agent)} uses the account its owner has signed in with on the device.`,
  },
  {
    kind: "key",
    name: "API key",
    hint: () => "The key is stored encrypted and sent to your devices with each task.",
  },
  {
    kind: "demo",
    name: "Demo model",
    hint: () => "Scripted answers, no AI: to see how everything works together.",
  },
];

const DEFAULT_URL: Readonly<Record<AgentKind, string>> = {
  claude: "https://api.anthropic.com",
  codex: "https://api.openai.com/v1",
};

/** The members of an agent's settings that the form holds. */
function wantedOf(form: FormData, provider: ProviderKind): object {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const key = text("api_key");
  return {
    provider,
    ...(provider !== "demo" && {
      model: text("model"),
      models: text("models").split(/[\n,]/).map((id) => id.trim()).filter((id) => id !== ""),
    }),
    ...(provider === "key" && { base_url: text("base_url"), ...(key && { api_key: key }) }),
  };
}

export function AgentSettings({ agent }: { agent: AgentKind }) {
  const settings = useSelect((s) => s.settings);
  const [chosen, setProvider] = useState<ProviderKind | null>(null);
  const [status, setStatus] = useState<{ ok: boolean; text: string } | null>(null);
  if (!settings) return <p class="muted">Loading…</p>;
  const own = settings.agents[agent];
  const provider = chosen ?? own.provider;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    try {
      await api.saveSettings({
        agents: { [agent]: wantedOf(form, provider) },
        ...(form.has("proxy_url") && {
          proxy: {
            url: String(form.get("proxy_url")).trim(),
            use_proxy: form.has("use_proxy"),
          },
        }),
      });
      await refreshSettings();
      setStatus({ ok: true, text: "Saved. The next message uses it." });
    } catch (error) {
      setStatus({ ok: false, text: errorText(error) });
    }
  };
  return (
    <form onSubmit={submit} onInput={() => setStatus(null)}>
      <fieldset>
        <legend>Who answers</legend>
        {PROVIDERS.map(({ kind, name, hint }) => (
          <label key={kind} class="choice">
            <input
              type="radio"
              name="provider"
              value={kind}
              data-testid={`provider-${kind}`}
              checked={provider === kind}
              onChange={() => setProvider(kind)}
            />
            <span>
              {name}
              <small>{hint(agent)}</small>
            </span>
          </label>
        ))}
      </fieldset>
      {provider === "key" && <KeyFields agent={agent} own={own} />}
      {provider !== "demo" && <ModelFields agent={agent} own={own} provider={provider} />}
      {agent === "codex" && provider !== "demo" && <ProxyFields />}
      <div class="row">
        <button type="submit" class="primary" data-testid="settings-save">Save</button>
        {status && (
          <span
            class={status.ok ? "form-ok" : "form-error"}
            role={status.ok ? "status" : "alert"}
            data-testid="settings-status"
          >
            {status.text}
          </span>
        )}
      </div>
    </form>
  );
}

function KeyFields({ agent, own }: { agent: AgentKind; own: AgentSettingsView }) {
  return (
    <div class="fields two even">
      <label>
        API key
        <input
          name="api_key"
          type="password"
          autocomplete="off"
          data-testid="settings-api-key"
          placeholder={own.api_key_hint ? `stored (${own.api_key_hint}); empty keeps it` : "sk-…"}
          required={!own.api_key_hint}
        />
      </label>
      <label>
        Base URL
        <input
          name="base_url"
          type="url"
          data-testid="settings-base-url"
          placeholder={DEFAULT_URL[agent]}
          defaultValue={own.base_url ?? ""}
          spellcheck={false}
        />
      </label>
    </div>
  );
}

function ModelFields(
  { agent, own, provider }: { agent: AgentKind; own: AgentSettingsView; provider: ProviderKind },
) {
  const needed = agent === "codex" && provider === "key";
  return (
    <div class="fields">
      <label>
        Default model
        <input
          name="model"
          data-testid="settings-model"
          placeholder={needed
            ? "the model's id; Codex needs one"
            : provider === "key"
            ? "what the agent uses by itself"
            : "what is set on the device"}
          defaultValue={own.model ?? ""}
          maxLength={200}
          spellcheck={false}
          required={needed}
        />
      </label>
      <label>
        Models to choose from
        <textarea
          name="models"
          data-testid="settings-models"
          rows={3}
          placeholder="one on each line; offered beside the message"
          spellcheck={false}
          defaultValue={own.models.join("\n")}
        />
      </label>
    </div>
  );
}

function ProxyFields() {
  const proxy = useSelect((s) => s.settings?.proxy);
  return (
    <fieldset class="proxy">
      <legend>Proxy for Codex</legend>
      <div class="fields">
        <label>
          Address
          <input
            name="proxy_url"
            data-testid="settings-proxy"
            placeholder="http://user:password@host:port, or https, socks5"
            defaultValue={proxy?.url ?? ""}
            maxLength={2048}
            spellcheck={false}
            autocapitalize="none"
            autocomplete="off"
            aria-describedby="proxy-hint"
          />
        </label>
      </div>
      <p class="muted small" id="proxy-hint">
        Stored encrypted. A login in it is shown as ***; leave it so to keep it.
      </p>
      <label class="switch">
        <input
          type="checkbox"
          name="use_proxy"
          data-testid="settings-use-proxy"
          defaultChecked={proxy?.use_proxy ?? false}
        />
        <span>Codex reaches its model through this proxy</span>
      </label>
    </fieldset>
  );
}
