/** The frame of the page: sign-in, or sidebar and conversation. */
import { useState } from "preact/hooks";
import { ConversationView } from "./conversation_view.tsx";
import { notify } from "./data.ts";
import { SettingsDialog } from "./settings_dialog.tsx";
import { signIn } from "./session.ts";
import { Sidebar } from "./sidebar.tsx";
import { DropZone } from "./upload_view.tsx";
import { currentAgent, setState, useSelect } from "./state.ts";

export function App() {
  const user = useSelect((s) => s.user);
  const starting = useSelect((s) => s.starting);
  if (starting) return <div class="splash" role="status">Loading…</div>;
  return user === null ? <SignIn /> : <Workspace />;
}

function Workspace() {
  const sidebar = useSelect((s) => s.sidebar);
  const settingsOpen = useSelect((s) => s.settingsOpen);
  return (
    <div class={sidebar ? "workspace drawer-open" : "workspace"}>
      <Sidebar />
      <div class="scrim" onClick={() => setState({ sidebar: false })} />
      <main class="main">
        <DemoBanner />
        <ConnectionBanner />
        <Notice />
        <ConversationView />
      </main>
      {settingsOpen && <SettingsDialog />}
      <DropZone />
    </div>
  );
}

function DemoBanner() {
  const demo = useSelect((s) => s.settings?.agents[currentAgent(s)].provider === "demo");
  if (!demo) return null;
  return (
    <div class="banner demo" data-testid="demo-banner" role="note">
      <span>demo model: scripted answers, no AI</span>
      <button type="button" class="link" onClick={() => setState({ settingsOpen: true })}>
        Set up a model
      </button>
    </div>
  );
}

function ConnectionBanner() {
  const connection = useSelect((s) => s.connection);
  return (
    <div
      class={connection === "lost" ? "banner lost" : "banner hidden"}
      data-testid="connection-state"
      data-state={connection}
      role="status"
    >
      {connection === "lost" ? "The connection to the hub is lost. Reconnecting…" : ""}
    </div>
  );
}

function Notice() {
  const notice = useSelect((s) => s.notice);
  if (!notice) return null;
  return (
    <div class="banner error" role="alert" data-testid="notice">
      <span>{notice}</span>
      <button type="button" class="icon" aria-label="Dismiss" onClick={() => notify(null)}>
        ✕
      </button>
    </div>
  );
}

function SignIn() {
  const error = useSelect((s) => s.signInError);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    await signIn(String(form.get("username")), String(form.get("password")));
    setBusy(false);
  };
  return (
    <div class="sign-in-page">
      <form class="card sign-in" data-testid="sign-in-form" onSubmit={submit}>
        <Logo />
        <h1>Sign in</h1>
        <label>
          User name
          <input
            name="username"
            data-testid="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            defaultValue="admin"
            required
          />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            data-testid="password"
            autocomplete="current-password"
            autofocus
            required
          />
        </label>
        {error && <p class="form-error" role="alert" data-testid="sign-in-error">{error}</p>}
        <button type="submit" class="primary" disabled={busy} data-testid="sign-in-submit">
          {busy ? "Signing in…" : "Sign in"}
        </button>
        <p class="hint">
          The password was shown once, at the hub's first start. A one-time sign-in link works too.
        </p>
      </form>
    </div>
  );
}

export function Logo() {
  return (
    <span class="logo">
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="var(--accent)" />
        <path
          d="M7 10l4.500 12L16 12l4.500 10L25 10"
          fill="none"
          stroke="#fff"
          stroke-width="2.600"
          stroke-linecap="round"
          stroke-linejoin="round"
        />
      </svg>
      <span>Wegent</span>
    </span>
  );
}
