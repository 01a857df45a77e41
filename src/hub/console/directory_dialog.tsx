/** Where a conversation works: one click for what was used before, or a choice of its own. */
import { useEffect, useRef, useState } from "preact/hooks";
import type {
  DeviceInfo,
  DirectoryChoice,
  DirectoryPolicy,
  WorkdirFacts,
} from "../../protocol/mod.ts";
import { choiceOf, MANAGED, pathHint, repoName, shownPath, workdirChoice } from "./directory.ts";
import { FolderIcon, PathText, Sign } from "./directory_view.tsx";
import { chosenDevice, nextDirectory, setState, useSelect } from "./state.ts";

const POLICIES: readonly { policy: DirectoryPolicy; name: string; hint: string }[] = [
  {
    policy: "managed",
    name: "Managed by the device",
    hint: "A directory of its own for this conversation, made by the device.",
  },
  {
    policy: "existing",
    name: "A directory of mine",
    hint: "One that exists on the device. The agent reads and writes in it.",
  },
  {
    policy: "repo_bound",
    name: "A repository",
    hint: "Cloned once; later conversations find it where it is.",
  },
  {
    policy: "chat",
    name: "A dated folder for this chat",
    hint: "Named by date and request, beside those of your other chats.",
  },
];

/** The dialog, while it is open and the chosen device knows of directories. */
export function DirectoryDialog() {
  const open = useSelect((s) => s.directoryOpen);
  const device = useSelect(chosenDevice);
  return open && device?.workdirs
    ? <Dialog key={device.device_id} device={device} facts={device.workdirs} />
    : null;
}

function Dialog({ device, facts }: { device: DeviceInfo; facts: WorkdirFacts }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const isNew = useSelect((s) => s.taskId === null);
  useEffect(() => {
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLInputElement>("input:checked")?.focus();
    // Also when the device goes away meanwhile.
    return () => setState({ directoryOpen: false });
  }, []);
  const close = () => dialog.current?.close();
  const choose = (choice: DirectoryChoice) => {
    setState({ directory: { deviceId: device.device_id, choice } });
    close();
  };
  return (
    <dialog
      ref={dialog}
      class="settings directory-dialog"
      data-testid="directory-dialog"
      aria-labelledby="directory-title"
      aria-describedby={isNew ? undefined : "directory-note"}
      onClose={() => setState({ directoryOpen: false })}
    >
      <header>
        <h2 id="directory-title">Directory on “{device.name}”</h2>
        <button type="button" class="icon" aria-label="Close" onClick={close}>✕</button>
      </header>
      {!isNew && (
        <p class="note" id="directory-note" data-testid="directory-change-note">
          With your next message the agent's session is closed and a new one starts in the other
          directory. It does not remember what was said so far; files stay where they are.
        </p>
      )}
      <Used facts={facts} choose={choose} />
      <ChoiceForm facts={facts} choose={choose} cancel={close} />
    </dialog>
  );
}

type Choose = (choice: DirectoryChoice) => void;

/** Directories and repositories of earlier sessions; each is one click. */
function Used({ facts, choose }: { facts: WorkdirFacts; choose: Choose }) {
  const { recent, repos } = facts;
  if (recent.length + repos.length === 0) return null;
  return (
    <section class="used" aria-labelledby="directory-used">
      <h3 id="directory-used">Use again</h3>
      <ul data-testid="directory-used">
        {recent.map(({ path }) => (
          <li key={path}>
            <button
              type="button"
              class="quiet"
              data-testid="directory-recent"
              title={path}
              onClick={() => choose({ ...MANAGED, policy: "existing", workdir: path })}
            >
              <FolderIcon />
              <PathText path={shownPath(path, facts)} />
            </button>
          </li>
        ))}
        {repos.map(({ git_url, branch, path }) => (
          <li key={`${git_url} ${branch}`}>
            <button
              type="button"
              class="quiet"
              data-testid="directory-repo"
              title={`${git_url}${branch ? ` (${branch})` : ""} in ${path}`}
              onClick={() =>
                choose({ policy: "repo_bound", workdir: path, git_url, branch_name: branch })}
            >
              <Sign d="M4.500 2v8M4.500 10a1.700 1.700 0 1 0 .01 0M11.500 2.500a1.700 1.700 0 1 0 .01 0M11.500 6c0 2.500-7 1.500-7 4" />
              <span class="repo">{repoName(git_url)}{branch && ` (${branch})`}</span>
              <PathText path={shownPath(path, facts)} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function ChoiceForm(
  { facts, choose, cancel }: { facts: WorkdirFacts; choose: Choose; cancel: () => void },
) {
  const next = useSelect(nextDirectory);
  const bound = useSelect((s) => s.conversation?.task.workdir ?? null);
  const [start] = useState(() => next ?? workdirChoice(bound) ?? MANAGED);
  const [policy, setPolicy] = useState(start.policy);
  const [workdir, setWorkdir] = useState(start.workdir ?? "");
  const [git_url, setUrl] = useState(start.git_url ?? "");
  const [branch_name, setBranch] = useState(start.branch_name ?? "");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    choose(choiceOf(policy, { workdir, git_url, branch_name }));
  };
  return (
    <form onSubmit={submit}>
      <fieldset>
        <legend>Work in</legend>
        {POLICIES.map(({ policy: kind, name, hint }) => (
          <label key={kind} class="choice">
            <input
              type="radio"
              name="policy"
              value={kind}
              data-testid={`directory-policy-${kind}`}
              checked={policy === kind}
              onChange={() => setPolicy(kind)}
            />
            <span>
              {name}
              <small>{hint}</small>
            </span>
          </label>
        ))}
      </fieldset>
      {policy === "repo_bound" && (
        <div class="fields two">
          <label>
            Repository
            <input
              data-testid="directory-url"
              value={git_url}
              placeholder="https://… or git@…"
              maxLength={2048}
              spellcheck={false}
              autocapitalize="none"
              required
              onInput={(event) => setUrl(event.currentTarget.value)}
            />
          </label>
          <label>
            Branch
            <input
              data-testid="directory-branch"
              value={branch_name}
              placeholder="the default one"
              maxLength={255}
              spellcheck={false}
              autocapitalize="none"
              onInput={(event) => setBranch(event.currentTarget.value)}
            />
          </label>
        </div>
      )}
      {(policy === "existing" || policy === "repo_bound") && (
        <PathField
          facts={facts}
          path={workdir}
          optional={policy === "repo_bound"}
          change={setWorkdir}
        />
      )}
      <div class="row">
        <button type="submit" class="primary" data-testid="directory-use">
          Use this directory
        </button>
        <button type="button" onClick={cancel}>Cancel</button>
      </div>
    </form>
  );
}

interface PathFieldProps {
  facts: WorkdirFacts;
  path: string;
  optional: boolean;
  change: (path: string) => void;
}

/** The path, the device's roots to begin it with, and what may be wrong with it. */
function PathField({ facts, path, optional, change }: PathFieldProps) {
  const input = useRef<HTMLInputElement>(null);
  const hint = pathHint(path, facts);
  const begin = (root: string) => {
    const separator = root.includes("\\") ? "\\" : "/";
    change(root.endsWith(separator) ? root : root + separator);
    input.current?.focus();
  };
  return (
    <div class="fields">
      <label>
        {optional ? "Path on the device (empty: the device chooses)" : "Path on the device"}
        <input
          ref={input}
          data-testid="directory-path-input"
          value={path}
          placeholder="~/Projects/app"
          maxLength={4096}
          spellcheck={false}
          autocapitalize="none"
          autocomplete="off"
          aria-describedby="directory-hint"
          required={!optional}
          onInput={(event) => change(event.currentTarget.value)}
        />
      </label>
      <p
        id="directory-hint"
        class={hint ? "hint" : "hint none"}
        role="status"
        data-testid="directory-hint"
      >
        {hint}
      </p>
      {facts.roots.length > 0 && (
        <div class="roots" role="group" aria-label="Begin with a directory the device allows">
          {facts.roots.map((root) => (
            <button
              key={root}
              type="button"
              data-testid="directory-root"
              title={root}
              onClick={() => begin(shownPath(root, facts))}
            >
              <PathText path={shownPath(root, facts)} />
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
