/** The MCP servers of a person: a list with switches, and a form or JSON to add and edit one. */
import { useEffect, useState } from "preact/hooks";
import type { McpServerView } from "../../protocol/mod.ts";
import { api } from "./api.ts";
import { errorText } from "./data.ts";
import {
  EMPTY_FORM,
  formOf,
  parsedJson,
  type ServerForm,
  serverOf,
  serverText,
} from "./mcp_text.ts";

/** What is open beside the list: nothing, a new server, or one that is there. */
type Editing = null | "new" | McpServerView;
type List = { items: McpServerView[] };

export function McpSettings() {
  const [items, setItems] = useState<McpServerView[] | null>(null);
  const [editing, setEditing] = useState<Editing>(null);
  const [error, setError] = useState<string | null>(null);
  const guarded = async (work: () => Promise<List>) => {
    try {
      setItems((await work()).items);
      setError(null);
      return true;
    } catch (failure) {
      setError(errorText(failure));
      return false;
    }
  };
  useEffect(() => void guarded(api.mcpServers), []);
  if (editing) {
    const done = () => {
      setEditing(null);
      setError(null);
    };
    return (
      <Editor
        server={editing === "new" ? null : editing}
        error={error}
        onError={setError}
        save={async (work) => {
          if (await guarded(work)) setEditing(null);
        }}
        cancel={done}
      />
    );
  }
  return (
    <section class="mcp" aria-label="MCP servers">
      <p class="muted small">
        A server gives both agents further tools. Commands run on the device, in the agent's
        sandbox.
      </p>
      {error && <p class="form-error" role="alert" data-testid="mcp-error">{error}</p>}
      {items?.length === 0 && <p class="empty" data-testid="mcp-empty">No servers yet.</p>}
      <ul>
        {items?.map((item) => (
          <ServerItem
            key={item.name}
            item={item}
            edit={() => setEditing(item)}
            guarded={guarded}
          />
        ))}
      </ul>
      <button type="button" data-testid="mcp-add" onClick={() => setEditing("new")}>
        Add a server
      </button>
    </section>
  );
}

function ServerItem({ item, edit, guarded }: {
  item: McpServerView;
  edit: () => void;
  guarded: (work: () => Promise<List>) => Promise<boolean>;
}) {
  const { name, enabled, server } = item;
  const remove = () => {
    if (confirm(`Remove the MCP server “${name}”?`)) {
      void guarded(async () => {
        await api.removeMcpServer(name);
        return await api.mcpServers();
      });
    }
  };
  return (
    <li data-testid={`mcp-${name}`}>
      <label class="switch">
        <input
          type="checkbox"
          role="switch"
          aria-label={`Use ${name}`}
          data-testid={`mcp-enabled-${name}`}
          checked={enabled}
          onChange={(event) => {
            const wanted = event.currentTarget.checked;
            void guarded(() => api.enableMcpServer(name, wanted));
          }}
        />
      </label>
      <div class="about">
        <span class="name">{name}</span>
        <span
          class={server ? "muted text" : "form-error text"}
          title={server ? serverText(server) : ""}
        >
          {server ? serverText(server) : "Cannot be read any more: enter it again"}
        </span>
      </div>
      <button type="button" class="link" data-testid={`mcp-edit-${name}`} onClick={edit}>
        Edit
      </button>
      <button
        type="button"
        class="link"
        data-testid={`mcp-remove-${name}`}
        aria-label={`Remove ${name}`}
        onClick={remove}
      >
        Remove
      </button>
    </li>
  );
}

interface EditorProps {
  /** Null: a new one. */
  server: McpServerView | null;
  error: string | null;
  onError: (text: string) => void;
  save: (work: () => Promise<List>) => Promise<void>;
  cancel: () => void;
}

function Editor({ server: before, error, onError, save, cancel }: EditorProps) {
  const [mode, setMode] = useState<"form" | "json">("form");
  const [form, setForm] = useState<ServerForm>(
    before?.server
      ? formOf(before.name, before.server)
      : { ...EMPTY_FORM, name: before?.name ?? "" },
  );
  const [json, setJson] = useState(
    before?.server ? JSON.stringify({ mcpServers: { [before.name]: before.server } }, null, 2) : "",
  );
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      const work = before ? change(before.name, mode, form, json) : add(mode, form, json);
      await save(work);
    } catch (failure) {
      onError(errorText(failure));
    }
  };
  return (
    <form onSubmit={submit} class="mcp-editor" data-testid="mcp-editor">
      <div class="mcp-head">
        <h3>{before ? `Edit ${before.name}` : "Add a server"}</h3>
        <div class="segments" role="group" aria-label="Write it as">
          {(["form", "json"] as const).map((kind) => (
            <label key={kind}>
              <input
                type="radio"
                name="mode"
                data-testid={`mcp-mode-${kind}`}
                checked={mode === kind}
                onChange={() => setMode(kind)}
              />
              <span>{kind === "form" ? "Form" : "JSON"}</span>
            </label>
          ))}
        </div>
      </div>
      {mode === "form" ? <FormFields form={form} setForm={setForm} /> : (
        <div class="fields">
          <label>
            JSON
            <textarea
              class="code-input"
              data-testid="mcp-json"
              rows={11}
              spellcheck={false}
              required
              placeholder={`{\n  "mcpServers": {\n    "name": { "command": "npx", "args": ["-y", "…"] }\n  }\n}`}
              value={json}
              onInput={(event) => setJson(event.currentTarget.value)}
            />
          </label>
        </div>
      )}
      {before && <p class="muted small">Leave *** where it is to keep the value that is stored.</p>}
      <div class="row">
        <button type="submit" class="primary" data-testid="mcp-save">
          {before ? "Save" : "Add"}
        </button>
        <button type="button" data-testid="mcp-cancel" onClick={cancel}>Cancel</button>
        {error && <span class="form-error" role="alert" data-testid="mcp-error">{error}</span>}
      </div>
    </form>
  );
}

/** @throws {Error} When what was written is no server. */
function add(mode: "form" | "json", form: ServerForm, json: string): () => Promise<List> {
  const body = mode === "form" ? { [form.name.trim()]: serverOf(form) } : parsedJson(json);
  return () => api.addMcpServers(body);
}

/** @throws {Error} When what was written is not one server. */
function change(
  before: string,
  mode: "form" | "json",
  form: ServerForm,
  json: string,
): () => Promise<List> {
  if (mode === "form") {
    const server = serverOf(form);
    return () => api.changeMcpServer(before, { name: form.name.trim(), server });
  }
  const value = parsedJson(json);
  const inner = "mcpServers" in value ? value.mcpServers : { [before]: value };
  const entries = Object.entries(inner as object);
  const [only] = entries;
  if (!only || entries.length > 1) throw new Error("Write exactly one server here");
  return () => api.changeMcpServer(before, { name: only[0], server: only[1] });
}

function FormFields({ form, setForm }: { form: ServerForm; setForm: (form: ServerForm) => void }) {
  const set = (part: Partial<ServerForm>) => setForm({ ...form, ...part });
  return (
    <div class="fields">
      <div class="fields two even">
        <label>
          Name
          <input
            data-testid="mcp-name"
            value={form.name}
            placeholder="github"
            maxLength={64}
            pattern="[A-Za-z0-9_\-]+"
            title="Letters, digits, _ and -"
            spellcheck={false}
            autocapitalize="none"
            required
            autofocus
            onInput={(event) => set({ name: event.currentTarget.value })}
          />
        </label>
        <label>
          Reached by
          <select
            data-testid="mcp-type"
            value={form.type}
            onChange={(event) => set({ type: event.currentTarget.value as ServerForm["type"] })}
          >
            <option value="stdio">a command on the device</option>
            <option value="http">an address (HTTP)</option>
            <option value="sse">an address (SSE)</option>
          </select>
        </label>
      </div>
      {form.type === "stdio"
        ? <CommandFields form={form} set={set} />
        : <AddressFields form={form} set={set} />}
    </div>
  );
}

const ARGS_HINT = "-y\n@scope/server";

type Set = (part: Partial<ServerForm>) => void;

function CommandFields({ form, set }: { form: ServerForm; set: Set }) {
  return (
    <>
      <Entry
        label="Command"
        testid="mcp-command"
        placeholder="npx"
        maxLength={4096}
        value={form.command}
        onInput={(command) => set({ command })}
      />
      <Lines
        label="Arguments"
        testid="mcp-args"
        placeholder={ARGS_HINT}
        value={form.args}
        onInput={(args) => set({ args })}
      />
      <Lines
        label="Environment"
        testid="mcp-env"
        placeholder="TOKEN=…"
        value={form.env}
        onInput={(env) => set({ env })}
      />
    </>
  );
}

function AddressFields({ form, set }: { form: ServerForm; set: Set }) {
  return (
    <>
      <Entry
        label="URL"
        testid="mcp-url"
        placeholder="https://…/mcp"
        maxLength={2048}
        value={form.url}
        onInput={(url) => set({ url })}
      />
      <Lines
        label="Headers"
        testid="mcp-headers"
        placeholder="Authorization: Bearer …"
        value={form.headers}
        onInput={(headers) => set({ headers })}
      />
    </>
  );
}

interface EntryProps {
  readonly label: string;
  readonly testid: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onInput: (text: string) => void;
}

/** A line that must not be empty. */
function Entry({ label, testid, onInput, ...input }: EntryProps & { readonly maxLength: number }) {
  return (
    <label>
      {label}
      <input
        {...input}
        data-testid={testid}
        spellcheck={false}
        autocapitalize="none"
        required
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}

/** Any number of lines. */
function Lines({ label, testid, placeholder, value, onInput }: EntryProps) {
  return (
    <label>
      <span>
        {label} <small>one on each line</small>
      </span>
      <textarea
        class="code-input"
        data-testid={testid}
        rows={2}
        placeholder={placeholder}
        spellcheck={false}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}
