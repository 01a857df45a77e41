/** Provider, model and key; keys for devices. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { ProviderKind } from "../../protocol/mod.ts";
import { api, type KeyItem } from "./api.ts";
import { refreshSettings } from "./client.ts";
import { setState, useSelect } from "./state.ts";

const PROVIDERS: readonly { kind: ProviderKind; name: string; hint: string }[] = [
  {
    kind: "own_login",
    name: "The device's own login",
    hint: "Claude Code uses the account its owner has signed in with on the device.",
  },
  {
    kind: "key",
    name: "API key",
    hint: "The key is stored encrypted and sent to your devices with each task.",
  },
  {
    kind: "demo",
    name: "Demo model",
    hint: "Scripted answers, no AI: to see how everything works together.",
  },
];

export function SettingsDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const close = () => dialog.current?.close();
  return (
    <dialog
      ref={dialog}
      class="settings"
      data-testid="settings-dialog"
      aria-labelledby="settings-title"
      onClose={() => setState({ settingsOpen: false })}
    >
      <header>
        <h2 id="settings-title">Settings</h2>
        <button type="button" class="icon" aria-label="Close" onClick={close}>✕</button>
      </header>
      <ProviderForm />
      <KeySection />
    </dialog>
  );
}

function ProviderForm() {
  const settings = useSelect((s) => s.settings);
  const [provider, setProvider] = useState<ProviderKind>(settings?.provider ?? "own_login");
  const [status, setStatus] = useState<{ ok: boolean; text: string } | null>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const key = String(form.get("api_key") ?? "").trim();
    try {
      await api.saveSettings({
        provider,
        ...(provider === "key" && {
          model: String(form.get("model")),
          base_url: String(form.get("base_url")),
          ...(key && { api_key: key }),
        }),
      });
      await refreshSettings();
      setStatus({ ok: true, text: "Saved. The next message uses it." });
    } catch (error) {
      setStatus({ ok: false, text: error instanceof Error ? error.message : String(error) });
    }
  };
  return (
    <form onSubmit={submit}>
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
              <small>{hint}</small>
            </span>
          </label>
        ))}
      </fieldset>
      {provider === "key" && (
        <div class="fields">
          <label>
            API key
            <input
              name="api_key"
              type="password"
              autocomplete="off"
              data-testid="settings-api-key"
              placeholder={settings?.api_key_hint
                ? `stored (${settings.api_key_hint}); leave empty to keep it`
                : "sk-…"}
              required={!settings?.api_key_hint}
            />
          </label>
          <label>
            Model
            <input
              name="model"
              data-testid="settings-model"
              placeholder="the agent's default"
              defaultValue={settings?.model ?? ""}
              spellcheck={false}
            />
          </label>
          <label>
            Base URL
            <input
              name="base_url"
              type="url"
              data-testid="settings-base-url"
              placeholder="https://api.anthropic.com"
              defaultValue={settings?.base_url ?? ""}
              spellcheck={false}
            />
          </label>
        </div>
      )}
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

function KeySection() {
  const [keys, setKeys] = useState<KeyItem[]>([]);
  const [made, setMade] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const guarded = async (work: () => Promise<unknown>) => {
    try {
      await work();
      setKeys((await api.keys()).items);
      setError(null);
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
    }
  };
  useEffect(() => void guarded(() => Promise.resolve()), []);
  const create = () =>
    guarded(async () => {
      setMade((await api.createKey(`device ${new Date().toISOString().slice(0, 10)}`)).key);
    });
  return (
    <section class="keys" aria-label="Device keys">
      <h3>Keys for devices</h3>
      <p class="muted">A device signs in to this hub with a key. Each key is shown once.</p>
      {made && (
        <pre data-testid="new-key">{`WEGENT_BACKEND_URL=${location.origin} \\\nWEGENT_AUTH_TOKEN=${made} \\\nwegent-executor`}</pre>
      )}
      <ul>
        {keys.map((key) => (
          <li key={key.id}>
            <code>{key.key_prefix}</code> <span class="muted">{key.name}</span>
            <button
              type="button"
              class="link"
              onClick={() => void guarded(() => api.deleteKey(key.id))}
            >
              Revoke
            </button>
          </li>
        ))}
      </ul>
      {error && <p class="form-error" role="alert">{error}</p>}
      <button type="button" data-testid="create-key" onClick={() => void create()}>
        Create a key
      </button>
    </section>
  );
}
