/**
 * What is put before a person's message: which skills they chose, and which knowledge their server has.
 * Only the model reads these texts, so their wording is ours; what they must convey is the server's.
 */
import type { ExecuteRequest } from "../../protocol/mod.ts";

/** Name of the skill that reads knowledge bases. */
const KNOWLEDGE_SKILL = "wegent-knowledge";

/** The parts to put before the message, each followed by a blank line; outermost first. */
export function guidance(request: ExecuteRequest): string[] {
  return [knowledge(request), skills(request)].filter((part) => part !== null);
}

function skills(request: ExecuteRequest): string | null {
  const names = request.user_selected_skills
    .map((skill) => typeof skill === "string" ? skill : String(skill["name"] ?? ""))
    .map((name) => name.trim()).filter(Boolean);
  if (names.length === 0) return null;
  const lines = [
    "## Skills the user selected",
    ...names.map((name) => `- ${name} (selected by the user: use it first where it fits)`),
    "Prefer these skills whenever they are relevant to the request below.",
  ];
  if (names.includes(KNOWLEDGE_SKILL)) {
    lines.push(
      "",
      "## Knowledge bases",
      "The selected knowledge bases are the primary source: use the knowledge tools before any search " +
        "of the web, and search the web only when they do not hold the answer.",
    );
  }
  return `${lines.join("\n")}\n\n---`;
}

function knowledge(request: ExecuteRequest): string | null {
  const context = request.kb_meta_prompt.trim();
  const mode = (request.task_mode || request.type).toLowerCase();
  if (context === "" || mode === "code") return null;
  const chosen = request.is_user_selected_kb
    ? "The user selected the knowledge bases below for this request."
    : "The knowledge bases below are candidates; they may or may not hold the answer.";
  return [
    "<knowledge_base_guidance>",
    chosen,
    "Query these ids first, by the tools' parameters `knowledge_base_id` or `knowledge_base_ids`.",
    "When that is not enough, widen the query to all knowledge bases, and only then search the web.",
    "Find documents with `wegent_kb_list_documents` and read them with `wegent_kb_read_document_content` " +
    "(`document_id`, `offset`, `limit`). Never build MCP resource addresses by hand.",
    "</knowledge_base_guidance>",
    "<knowledge_base_context>",
    context,
    "</knowledge_base_context>",
  ].join("\n");
}
