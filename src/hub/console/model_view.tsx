/** The model of a conversation: a control in the composer, and the dialog behind it. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Effort, ModelChoice } from "../../protocol/mod.ts";
import { agentName, defaultText, EFFORT_NAMES, modelText, offeredModels } from "./agent_text.ts";
import { currentAgent, nextModel, setState, useSelect } from "./state.ts";

/** In the composer; the demo model leaves nothing to choose. */
export function ModelControl() {
  const model = useSelect((s) => nextModel(s).model);
  const effort = useSelect((s) => nextModel(s).effort);
  const changed = useSelect((s) => s.taskId !== null && s.model !== null);
  const demo = useSelect((s) => s.settings?.agents[currentAgent(s)].provider === "demo");
  if (demo) return null;
  const text = modelText({ model, effort });
  return (
    <span class="chip-control">
      <button
        type="button"
        class="quiet"
        data-testid="model-choose"
        aria-haspopup="dialog"
        aria-label={`${changed ? "New model" : "Model"}: ${text}`}
        title={changed ? "From the next message on" : "The model that answers"}
        onClick={() => setState({ modelOpen: true })}
      >
        {changed && <span class="next">Next:</span>}
        <span class="clip">{text}</span>
        <span class="caret" aria-hidden="true" />
      </button>
    </span>
  );
}

export function ModelDialog() {
  return useSelect((s) => s.modelOpen) ? <Dialog /> : null;
}

const OTHER = "\0other";
const DEFAULT = "";

function Dialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const agent = useSelect(currentAgent);
  const settings = useSelect((s) => s.settings?.agents[currentAgent(s)]);
  const isNew = useSelect((s) => s.taskId === null);
  const before = useSelect(nextModel);
  const offered = offeredModels(settings);
  const known = before.model === null || offered.includes(before.model);
  const [choice, setChoice] = useState(known ? before.model ?? DEFAULT : OTHER);
  const [other, setOther] = useState(known ? "" : before.model ?? "");
  const [effort, setEffort] = useState(before.effort);
  useEffect(() => {
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLInputElement>("input:checked")?.focus();
  }, []);
  const close = () => dialog.current?.close();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const model = choice === OTHER ? other.trim() : choice;
    const wanted: ModelChoice = { model: model || null, effort };
    const same = wanted.model === before.model && wanted.effort === before.effort;
    if (!same) setState({ model: wanted });
    close();
  };
  return (
    <dialog
      ref={dialog}
      class="settings model-dialog"
      data-testid="model-dialog"
      aria-labelledby="model-title"
      onClose={() => setState({ modelOpen: false })}
    >
      <header>
        <h2 id="model-title">Model of {agentName(agent)}</h2>
        <button type="button" class="icon" aria-label="Close" onClick={close}>✕</button>
      </header>
      <form onSubmit={submit}>
        {!isNew && <p class="muted">It answers from your next message on.</p>}
        <fieldset>
          <legend class="hidden">Model</legend>
          <Choice
            id={DEFAULT}
            name="Default"
            hint={defaultText(settings)}
            {...{ choice, setChoice }}
          />
          {offered.map((id) => <Choice key={id} id={id} name={id} {...{ choice, setChoice }} />)}
          <Choice id={OTHER} name="Another one" {...{ choice, setChoice }} />
          {choice === OTHER && (
            <input
              class="other"
              data-testid="model-other"
              aria-label="Id of the model"
              placeholder="the id of a model"
              maxLength={200}
              spellcheck={false}
              autocapitalize="none"
              pattern="[^\-].*"
              title="The id of a model; it does not begin with a dash"
              required
              autofocus
              value={other}
              onInput={(event) => setOther(event.currentTarget.value)}
            />
          )}
        </fieldset>
        {agent === "codex" && <EffortChoice effort={effort} setEffort={setEffort} />}
        <div class="row">
          <button type="submit" class="primary" data-testid="model-use">Use this model</button>
          <button type="button" onClick={close}>Cancel</button>
        </div>
      </form>
    </dialog>
  );
}

function Choice({ id, name, hint, choice, setChoice }: {
  id: string;
  name: string;
  hint?: string;
  choice: string;
  setChoice: (id: string) => void;
}) {
  return (
    <label class="choice">
      <input
        type="radio"
        name="model"
        data-testid={id === OTHER
          ? "model-another"
          : id === DEFAULT
          ? "model-default"
          : `model-${id}`}
        checked={choice === id}
        onChange={() => setChoice(id)}
      />
      <span>
        {name}
        {hint && <small>{hint}</small>}
      </span>
    </label>
  );
}

/** How much Codex thinks before it answers. */
function EffortChoice({ effort, setEffort }: {
  effort: Effort | null;
  setEffort: (effort: Effort | null) => void;
}) {
  const choices = [{ effort: null, name: "Default" }, ...EFFORT_NAMES];
  return (
    <fieldset>
      <legend>Reasoning</legend>
      <div class="segments">
        {choices.map((one) => (
          <label key={one.name}>
            <input
              type="radio"
              name="effort"
              data-testid={`effort-${one.effort ?? "default"}`}
              checked={effort === one.effort}
              onChange={() => setEffort(one.effort)}
            />
            <span>{one.name}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
