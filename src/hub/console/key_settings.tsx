/** Keys with which devices sign in to the hub. */
import { useEffect, useState } from "preact/hooks";
import { api, type KeyItem } from "./api.ts";

export function KeySection() {
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
