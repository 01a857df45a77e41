/** Signing in and out. */
import { api, ApiError, storedToken, storeToken } from "./api.ts";
import { connect, disconnect, openTask } from "./connection.ts";
import { errorText, onExpired } from "./data.ts";
import { clearUploads } from "./uploads.ts";
import { lastAgent, lastPermission, setState } from "./state.ts";

onExpired(expired);

/** Starts the page: a sign-in link in the address, a sign-in of earlier, or the form. */
export async function start(): Promise<void> {
  const link = /^#login=([\w-]+)$/.exec(location.hash)?.[1];
  if (link) {
    // The link works once; it must not stay in the history.
    history.replaceState(null, "", location.pathname);
    try {
      storeToken((await api.linkLogin(link)).access_token);
    } catch (error) {
      // A person who is signed in already does not need the link.
      if (!storedToken()) return setState({ starting: false, signInError: errorText(error) });
    }
  }
  if (storedToken()) await enter();
  else setState({ starting: false });
}

export async function signIn(name: string, password: string): Promise<void> {
  try {
    storeToken((await api.login(name, password)).access_token);
    await enter();
  } catch (error) {
    setState({ signInError: errorText(error) });
  }
}

export function signOut(reason: string | null = null): void {
  storeToken(null);
  disconnect();
  clearUploads();
  setState({
    user: null,
    starting: false,
    signInError: reason,
    devices: [],
    tasks: [],
    settings: null,
    taskId: null,
    conversation: null,
    deviceId: null,
    model: null,
    modelOpen: false,
    draft: "",
    directory: null,
    directoryOpen: false,
    dismissed: null,
    settingsOpen: false,
  });
}

async function enter(): Promise<void> {
  try {
    const { user_name } = await api.me();
    const permission = lastPermission();
    const agent = lastAgent();
    setState({ user: user_name, starting: false, signInError: null, permission, agent });
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      return expired();
    }
    return setState({ starting: false, signInError: errorText(error) });
  }
  connect(expired);
  const id = /^#task=(\d+)$/.exec(location.hash)?.[1];
  if (id) await openTask(Number(id));
}

function expired(): void {
  signOut("Your sign-in has expired. Sign in again.");
}
