/**
 * Tables of the hub and their invariants. States and transitions are guarded here, in the database:
 * no code path can take a turn out of its final state except by counting up its attempt.
 */

/** One step per released shape; the database's `user_version` is the number of steps applied. */
export const MIGRATIONS: readonly string[] = [
  `
CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_name TEXT NOT NULL UNIQUE CHECK (length(user_name) BETWEEN 1 AND 100),
  password_hash TEXT NOT NULL,
  is_admin INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
  is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  created_at TEXT NOT NULL
);

CREATE TABLE api_keys (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users(id),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  description TEXT,
  key_hash TEXT NOT NULL UNIQUE CHECK (length(key_hash) = 64),
  key_prefix TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  last_used_at TEXT,
  is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  created_at TEXT NOT NULL
);
CREATE INDEX api_keys_user ON api_keys(user_id);

CREATE TABLE devices (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users(id),
  device_id TEXT NOT NULL CHECK (length(device_id) BETWEEN 1 AND 100 AND instr(device_id, ':') = 0),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  alias TEXT CHECK (alias IS NULL OR length(alias) BETWEEN 1 AND 100),
  device_type TEXT NOT NULL CHECK (device_type IN ('local', 'cloud', 'remote')),
  bind_shell TEXT NOT NULL CHECK (bind_shell IN ('claudecode', 'openclaw')),
  is_default INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
  is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  executor_version TEXT,
  client_ip TEXT,
  runtime_transfer_host TEXT,
  capabilities TEXT,
  sandbox TEXT,
  created_at TEXT NOT NULL,
  UNIQUE (user_id, device_id)
);
CREATE UNIQUE INDEX devices_one_default ON devices(user_id) WHERE is_default = 1 AND is_active = 1;
CREATE UNIQUE INDEX devices_one_cloud ON devices(user_id) WHERE device_type = 'cloud' AND is_active = 1;

CREATE TABLE tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users(id),
  title TEXT NOT NULL,
  device_id TEXT,
  is_deleted INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1)),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX tasks_user ON tasks(user_id, is_deleted, updated_at);

CREATE TABLE subtasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id INTEGER NOT NULL REFERENCES tasks(id),
  message_id INTEGER NOT NULL CHECK (message_id > 0),
  role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
  status TEXT NOT NULL CHECK (status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED')),
  content TEXT NOT NULL DEFAULT '',
  error TEXT,
  error_code TEXT,
  usage TEXT,
  device_id TEXT,
  attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  UNIQUE (task_id, message_id),
  CHECK (role = 'assistant' OR status = 'COMPLETED')
);
CREATE INDEX subtasks_open ON subtasks(status) WHERE status IN ('PENDING', 'RUNNING');
CREATE TRIGGER subtasks_final BEFORE UPDATE ON subtasks
WHEN OLD.status IN ('COMPLETED', 'FAILED', 'CANCELLED') AND NEW.status <> OLD.status
  AND NOT (OLD.status <> 'COMPLETED' AND NEW.status = 'PENDING' AND NEW.attempt = OLD.attempt + 1)
BEGIN SELECT RAISE(ABORT, 'A turn does not leave its final state'); END;
CREATE TRIGGER subtasks_forward BEFORE UPDATE ON subtasks
WHEN OLD.status = 'RUNNING' AND NEW.status = 'PENDING'
BEGIN SELECT RAISE(ABORT, 'A running turn does not become pending again'); END;

CREATE TABLE dispatches (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users(id),
  device_id TEXT NOT NULL,
  task_id INTEGER NOT NULL REFERENCES tasks(id),
  subtask_id INTEGER NOT NULL REFERENCES subtasks(id),
  attempt INTEGER NOT NULL CHECK (attempt > 0),
  session TEXT CHECK (session IS NULL OR length(session) BETWEEN 1 AND 100),
  last_seq INTEGER NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
  device_state TEXT NOT NULL DEFAULT 'unsent' CHECK (device_state IN ('unsent', 'sent', 'accepted', 'ended')),
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  created_at TEXT NOT NULL,
  ended_at TEXT,
  UNIQUE (subtask_id, attempt)
);
CREATE UNIQUE INDEX dispatches_session ON dispatches(user_id, device_id, session) WHERE session IS NOT NULL;
CREATE INDEX dispatches_live ON dispatches(user_id, device_id) WHERE device_state <> 'ended' OR state = 'open';
CREATE TRIGGER dispatches_forward BEFORE UPDATE ON dispatches
WHEN NEW.last_seq < OLD.last_seq OR (OLD.state = 'closed' AND NEW.state = 'open')
  OR (OLD.device_state = 'ended' AND NEW.device_state <> 'ended')
  OR (OLD.session IS NOT NULL AND NEW.session IS NOT OLD.session)
BEGIN SELECT RAISE(ABORT, 'A dispatch only goes forward'); END;

CREATE TABLE blocks (
  dispatch_id INTEGER NOT NULL REFERENCES dispatches(id),
  idx INTEGER NOT NULL CHECK (idx >= 0),
  block_id TEXT NOT NULL,
  type TEXT NOT NULL CHECK (type IN ('text', 'thinking', 'tool')),
  status TEXT NOT NULL CHECK (status IN ('streaming', 'generating_arguments', 'pending', 'done', 'error')),
  timestamp INTEGER NOT NULL,
  tool_name TEXT,
  tool_input TEXT,
  tool_output TEXT,
  content TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (dispatch_id, idx)
) WITHOUT ROWID;

-- Text arrives in pieces; they are joined into blocks.content when the turn ends.
CREATE TABLE block_parts (
  id INTEGER PRIMARY KEY,
  dispatch_id INTEGER NOT NULL REFERENCES dispatches(id),
  idx INTEGER NOT NULL,
  content TEXT NOT NULL
);
CREATE INDEX block_parts_block ON block_parts(dispatch_id, idx, id);

CREATE TABLE settings (
  user_id INTEGER PRIMARY KEY REFERENCES users(id),
  provider TEXT NOT NULL CHECK (provider IN ('own_login', 'key', 'demo')),
  model TEXT,
  base_url TEXT,
  api_key_sealed BLOB,
  updated_at TEXT NOT NULL
);
`,
  `
-- The directory of a conversation on one device: what was chosen, then what the device made of it.
CREATE TABLE task_workdirs (
  task_id INTEGER NOT NULL REFERENCES tasks(id),
  device_id TEXT NOT NULL CHECK (length(device_id) BETWEEN 1 AND 100),
  policy TEXT CHECK (policy IN ('managed', 'existing', 'repo_bound', 'chat')),
  workdir TEXT CHECK (length(workdir) BETWEEN 1 AND 4096),
  git_url TEXT CHECK (length(git_url) BETWEEN 1 AND 2048),
  branch_name TEXT CHECK (length(branch_name) BETWEEN 1 AND 255),
  path TEXT CHECK (length(path) BETWEEN 1 AND 4096),
  origin TEXT CHECK (length(origin) <= 50),
  code TEXT CHECK (length(code) <= 100),
  notice TEXT CHECK (length(notice) <= 4000),
  chat_path TEXT CHECK (length(chat_path) BETWEEN 1 AND 4096),
  chosen_at TEXT,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (task_id, device_id),
  CHECK ((policy IS NULL) = (chosen_at IS NULL)),
  CHECK (policy IS NOT NULL OR coalesce(workdir, git_url, branch_name, chat_path) IS NULL),
  CHECK (policy <> 'existing' OR workdir IS NOT NULL),
  CHECK (policy <> 'repo_bound' OR git_url IS NOT NULL),
  CHECK (policy NOT IN ('managed', 'chat') OR workdir IS NULL)
) WITHOUT ROWID;
`,
  `
-- Whether the agent of a conversation asks, what it has asked, and what was allowed for good.
ALTER TABLE tasks ADD COLUMN permission_mode TEXT NOT NULL DEFAULT 'bypass'
  CHECK (permission_mode IN ('bypass', 'ask'));
ALTER TABLE blocks ADD COLUMN question TEXT;
ALTER TABLE dispatches ADD COLUMN open_questions INTEGER NOT NULL DEFAULT 0
  CHECK (open_questions >= 0);
CREATE TABLE task_permissions (
  id INTEGER PRIMARY KEY,
  task_id INTEGER NOT NULL REFERENCES tasks(id),
  tool TEXT NOT NULL CHECK (length(tool) BETWEEN 1 AND 200),
  match TEXT CHECK (length(match) BETWEEN 1 AND 4000)
);
CREATE UNIQUE INDEX task_permissions_rule ON task_permissions(task_id, tool, coalesce(match, ''));
`,
  `
-- Each conversation has an agent, and each agent settings of its own; those of before are Claude's.
ALTER TABLE tasks ADD COLUMN agent TEXT NOT NULL DEFAULT 'claude' CHECK (agent IN ('claude', 'codex'));
ALTER TABLE tasks ADD COLUMN model TEXT CHECK (length(model) BETWEEN 1 AND 200);
ALTER TABLE tasks ADD COLUMN effort TEXT
  CHECK (effort IS NULL OR effort IN ('low', 'medium', 'high', 'xhigh') AND agent = 'codex');
CREATE TRIGGER tasks_agent BEFORE UPDATE ON tasks WHEN NEW.agent <> OLD.agent
BEGIN SELECT RAISE(ABORT, 'A conversation stays with its agent'); END;

CREATE TABLE agent_settings (
  user_id INTEGER NOT NULL REFERENCES users(id),
  agent TEXT NOT NULL CHECK (agent IN ('claude', 'codex')),
  provider TEXT NOT NULL CHECK (provider IN ('own_login', 'key', 'demo')),
  model TEXT CHECK (length(model) BETWEEN 1 AND 200),
  base_url TEXT CHECK (length(base_url) BETWEEN 1 AND 500),
  api_key_sealed BLOB,
  models TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(models) AND json_array_length(models) <= 50),
  updated_at TEXT NOT NULL,
  PRIMARY KEY (user_id, agent),
  CHECK (provider <> 'key' OR api_key_sealed IS NOT NULL),
  -- Codex does not start with a key and without a model.
  CHECK (agent <> 'codex' OR provider <> 'key' OR model IS NOT NULL)
) WITHOUT ROWID;
-- A model counted with a key only.
INSERT INTO agent_settings (user_id, agent, provider, model, base_url, api_key_sealed, updated_at)
  SELECT user_id, 'claude', iif(provider = 'key' AND api_key_sealed IS NULL, 'own_login', provider),
    iif(provider = 'key', nullif(trim(model), ''), NULL), nullif(base_url, ''), api_key_sealed, updated_at
  FROM settings;
DROP TABLE settings;

-- The proxy between Codex and its model.
CREATE TABLE proxies (
  user_id INTEGER PRIMARY KEY REFERENCES users(id),
  url_sealed BLOB NOT NULL,
  use_proxy INTEGER NOT NULL CHECK (use_proxy IN (0, 1)),
  updated_at TEXT NOT NULL
);
`,
  `
-- MCP servers of a person; how one is reached holds secrets.
CREATE TABLE mcp_servers (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users(id),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^A-Za-z0-9_-]*'),
  enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  server_sealed BLOB NOT NULL CHECK (length(server_sealed) <= 32768),
  updated_at TEXT NOT NULL,
  UNIQUE (user_id, name)
);
CREATE TRIGGER mcp_servers_bound BEFORE INSERT ON mcp_servers
WHEN (SELECT count(*) FROM mcp_servers WHERE user_id = NEW.user_id) >= 32
BEGIN SELECT RAISE(ABORT, 'A person has at most 32 MCP servers'); END;
`,
  `
-- Files of messages; the bytes lie in the file of that name. Without a message one waits to be sent.
CREATE TABLE attachments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users(id),
  subtask_id INTEGER REFERENCES subtasks(id),
  place INTEGER NOT NULL DEFAULT 0 CHECK (place BETWEEN 0 AND 19),
  file TEXT NOT NULL UNIQUE CHECK (length(file) = 36),
  filename TEXT NOT NULL CHECK (length(filename) BETWEEN 1 AND 255),
  mime_type TEXT NOT NULL CHECK (length(mime_type) BETWEEN 3 AND 200),
  size INTEGER NOT NULL CHECK (size BETWEEN 0 AND 104857600),
  created_at TEXT NOT NULL
);
CREATE UNIQUE INDEX attachments_message ON attachments(subtask_id, place) WHERE subtask_id IS NOT NULL;
CREATE INDEX attachments_unsent ON attachments(user_id, created_at) WHERE subtask_id IS NULL;
CREATE TRIGGER attachments_stay BEFORE UPDATE ON attachments
WHEN OLD.subtask_id IS NOT NULL OR NEW.user_id <> OLD.user_id
BEGIN SELECT RAISE(ABORT, 'A file stays with its message'); END;
CREATE TRIGGER attachments_owner BEFORE UPDATE ON attachments
WHEN NEW.subtask_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM subtasks s JOIN tasks t ON t.id = s.task_id
  WHERE s.id = NEW.subtask_id AND s.role = 'user' AND t.user_id = NEW.user_id)
BEGIN SELECT RAISE(ABORT, 'A file goes with a message of its owner'); END;

-- What a device may fetch the files of its task with, while the attempt is open; each request has one.
CREATE TABLE dispatch_tokens (
  token_hash TEXT PRIMARY KEY CHECK (length(token_hash) = 64),
  dispatch_id INTEGER NOT NULL REFERENCES dispatches(id)
) WITHOUT ROWID;
CREATE INDEX dispatch_tokens_dispatch ON dispatch_tokens(dispatch_id);
CREATE TRIGGER dispatch_tokens_open BEFORE INSERT ON dispatch_tokens
WHEN (SELECT state FROM dispatches WHERE id = NEW.dispatch_id) <> 'open'
BEGIN SELECT RAISE(ABORT, 'A closed attempt fetches nothing'); END;
CREATE TRIGGER dispatch_tokens_closed AFTER UPDATE OF state ON dispatches WHEN NEW.state = 'closed'
BEGIN DELETE FROM dispatch_tokens WHERE dispatch_id = NEW.id; END;
`,
  `
-- What a person says to a turn that runs: an input is a block of the answer once the agent has read it.
CREATE TABLE blocks_with_input (
  dispatch_id INTEGER NOT NULL REFERENCES dispatches(id),
  idx INTEGER NOT NULL CHECK (idx >= 0),
  block_id TEXT NOT NULL,
  type TEXT NOT NULL CHECK (type IN ('text', 'thinking', 'tool', 'input')),
  status TEXT NOT NULL CHECK (status IN ('streaming', 'generating_arguments', 'pending', 'done', 'error')),
  timestamp INTEGER NOT NULL,
  tool_name TEXT,
  tool_input TEXT,
  tool_output TEXT,
  content TEXT NOT NULL DEFAULT '',
  question TEXT,
  PRIMARY KEY (dispatch_id, idx)
) WITHOUT ROWID;
INSERT INTO blocks_with_input (dispatch_id, idx, block_id, type, status, timestamp, tool_name, tool_input,
    tool_output, content, question)
  SELECT dispatch_id, idx, block_id, type, status, timestamp, tool_name, tool_input, tool_output, content,
    question FROM blocks;
DROP TABLE blocks;
ALTER TABLE blocks_with_input RENAME TO blocks;

CREATE TABLE inputs (
  id INTEGER PRIMARY KEY,
  dispatch_id INTEGER NOT NULL REFERENCES dispatches(id),
  input_id TEXT NOT NULL CHECK (length(input_id) BETWEEN 1 AND 100),
  text TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 50000),
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'read', 'unread')),
  created_at TEXT NOT NULL,
  UNIQUE (dispatch_id, input_id)
);
CREATE TRIGGER inputs_open BEFORE INSERT ON inputs
WHEN (SELECT state FROM dispatches WHERE id = NEW.dispatch_id) <> 'open'
BEGIN SELECT RAISE(ABORT, 'A turn that has ended takes no message'); END;
CREATE TRIGGER inputs_bound BEFORE INSERT ON inputs
WHEN (SELECT count(*) FROM inputs WHERE dispatch_id = NEW.dispatch_id) >= 100
BEGIN SELECT RAISE(ABORT, 'A turn takes at most 100 messages'); END;
CREATE TRIGGER inputs_forward BEFORE UPDATE ON inputs
WHEN OLD.state <> 'pending' AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'What was read or left unread stays so'); END;
CREATE TRIGGER inputs_closed AFTER UPDATE OF state ON dispatches WHEN NEW.state = 'closed'
BEGIN UPDATE inputs SET state = 'unread' WHERE dispatch_id = NEW.id AND state = 'pending'; END;
`,
];
