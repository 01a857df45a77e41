/** Directories of standalone chats: `{root}/{date}/{name}`, named by day and request. */
import { AppError, makeDirectories } from "../platform/mod.ts";

/** Longest name, in characters (code points), the number of a collision included. */
const MAX_NAME = 20;
const DEFAULT_NAME = "new-chat";
/** Requests of one day with the same name. */
const MAX_SAME = 10_000;

/** Names Windows gives to devices; a directory of that name cannot be opened there. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/;

/**
 * The name of a chat from its first message: runs of letters and digits of any script in lower case,
 * joined by `-`. Safe on every file system: no dots, no separators, one Unicode form.
 */
export function chatName(message: string): string {
  const words = message.slice(0, 2000).normalize("NFC").toLowerCase()
    .match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu) ?? [];
  const name = cut(words.join("-"), MAX_NAME);
  if (name === "") return DEFAULT_NAME;
  return RESERVED.test(name) ? `${name}-chat` : name;
}

/**
 * Makes a directory nobody else has, also when two first messages arrive at once.
 *
 * @param root Absolute, without links; made when missing.
 * @param now The day is that of the local clock.
 * @throws {AppError} `chat_not_made`, `directory_not_made`.
 */
export function createChatDirectory(root: string, name: string, now = new Date()): string {
  const day = [now.getFullYear(), now.getMonth() + 1, now.getDate()]
    .map((part) => String(part).padStart(2, "0")).join("-");
  const parent = `${root}/${day}`;
  makeDirectories(parent, 0o755);
  for (let n = 0; n < MAX_SAME; n++) {
    const suffix = n === 0 ? "" : `-${n}`;
    const path = `${parent}/${cut(name, MAX_NAME - suffix.length)}${suffix}`;
    try {
      Deno.mkdirSync(path, { mode: 0o755 });
      return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
  throw new AppError("chat_not_made", `More than ${MAX_SAME} chats named "${name}" on one day`);
}

function cut(name: string, max: number): string {
  return [...name].slice(0, max).join("").replace(/-+$/, "");
}
