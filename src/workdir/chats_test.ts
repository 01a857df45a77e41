import { assert, assertEquals } from "../../tests/support/assert.ts";
import { openAllOfLibc } from "../platform/libc.ts";
import { chatName, createChatDirectory } from "./chats.ts";

openAllOfLibc();

Deno.test("chatName() names a chat in any language, safe on every file system", () => {
  const cases: [string, string][] = [
    ["Fix the login bug, please!", "fix-the-login-bug-pl"],
    ["帮我写一个贪吃蛇游戏", "帮我写一个贪吃蛇游戏"],
    ["Исправь тест №5", "исправь-тест-5"],
    ["  --  ", "new-chat"],
    ["", "new-chat"],
    ["../../etc/passwd", "etc-passwd"],
    ["NUL", "nul-chat"],
    ["com1", "com1-chat"],
    ["a\0b\nc", "a-b-c"],
    ["🚀🚀", "new-chat"],
    ["e\u0301te\u0301", "\u00e9t\u00e9"],
  ];
  for (const [message, name] of cases) assertEquals(chatName(message), name, message);
});

Deno.test("createChatDirectory() gives each chat a directory of its own, by local date", () => {
  const root = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    const day = new Date(2026, 0, 5, 23, 59);
    const name = chatName("Fix the login bug, please!");
    const made = Array.from({ length: 12 }, () => createChatDirectory(`${root}/chats`, name, day));
    assertEquals(new Set(made).size, 12);
    assertEquals(made[0], `${root}/chats/2026-01-05/fix-the-login-bug-pl`);
    assertEquals(made[1], `${root}/chats/2026-01-05/fix-the-login-bug-1`);
    assert(made[11]?.endsWith("/fix-the-login-bug-11"));
    for (const path of made) assert([...path.split("/").pop()!].length <= 20, path);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});
