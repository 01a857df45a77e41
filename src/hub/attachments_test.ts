/** Files of messages: taken in, handed out to whom they belong, and removed. */
import { assert, assertEquals, assertRejects } from "../../tests/support/assert.ts";
import {
  HubFixture,
  runningTurn,
  StubRun,
  until,
  type Wire,
} from "../../tests/support/hub_fixture.ts";
import { AppError } from "../platform/mod.ts";
import { Attachments } from "./attachments.ts";

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 255, 10]);
const MB = 1024 * 1024;

async function upload(
  hub: HubFixture,
  token: string | null,
  body: BodyInit,
  name = "a.txt",
  type = "text/plain",
): Promise<{ status: number; body: Wire }> {
  const response = await fetch(
    `${hub.url}/api/attachments?filename=${encodeURIComponent(name)}`,
    {
      method: "POST",
      headers: { ...(token && { authorization: `Bearer ${token}` }), "content-type": type },
      body,
    },
  );
  return { status: response.status, body: await response.json() };
}

function download(hub: HubFixture, token: string, id: number, what = "download") {
  return fetch(`${hub.url}/api/attachments/${id}/${what}`, {
    headers: { authorization: `Bearer ${token}` },
  });
}

async function status(response: Response): Promise<number> {
  await response.body?.cancel();
  return response.status;
}

/** Names of the files that hold the bytes. */
function kept(hub: HubFixture): string[] {
  return [...Deno.readDirSync(`${hub.dir}/attachments`)].map(({ name }) => name);
}

Deno.test("a file is uploaded, comes back as it was, and is its owner's alone", async () => {
  await using hub = await HubFixture.start();
  const { token } = await hub.user("ann");
  const { status: made, body } = await upload(
    hub,
    token,
    PNG,
    "/home/x/Bild ä'(1).png",
    "image/PNG; q=1",
  );
  assertEquals([made, body], [
    201,
    { id: body.id, filename: "Bild ä'(1).png", mime_type: "image/png", size: 7 },
  ]);
  const response = await download(hub, token, body.id);
  assertEquals(new Uint8Array(await response.arrayBuffer()), PNG);
  const { headers } = response;
  assertEquals(
    ["content-type", "content-length", "x-content-type-options"].map((n) => headers.get(n)),
    ["image/png", "7", "nosniff"],
  );
  assertEquals(
    headers.get("content-disposition"),
    "attachment; filename*=UTF-8''Bild%20%C3%A4%27%281%29.png",
  );
  const bob = (await hub.user("bob")).token;
  assertEquals(await status(await download(hub, bob, body.id)), 404);
  assertEquals(await status(await download(hub, "x", body.id)), 401);
  assertEquals((await hub.call("DELETE", `/api/attachments/${body.id}`, bob)).status, 404);
  assertEquals((await upload(hub, null, PNG)).status, 401);
  if (Deno.build.os !== "windows") {
    const { mode } = await Deno.stat(`${hub.dir}/attachments/${kept(hub)[0]}`);
    assertEquals((mode ?? 0) & 0o777, 0o600);
  }
  assertEquals((await hub.call("DELETE", `/api/attachments/${body.id}`, token)).status, 204);
  assertEquals(kept(hub), []);
  assertEquals(await status(await download(hub, token, body.id)), 404);
});

Deno.test("names and types of files are checked", async () => {
  await using hub = await HubFixture.start();
  const { token } = await hub.user("ann");
  for (const name of ["", " ", "a/", "a\nb", "x".repeat(256)]) {
    const answer = await upload(hub, token, "x", name);
    assertEquals([answer.status, answer.body.errors[0].loc], [422, ["query", "filename"]], name);
  }
  const odd = await upload(hub, token, "", "empty", "no type at all");
  assertEquals([odd.body.mime_type, odd.body.size], ["application/octet-stream", 0]);
});

Deno.test("a file over 100 MB is refused, announced or not, and leaves nothing", async () => {
  await using hub = await HubFixture.start();
  const { token } = await hub.user("ann");
  const big = await upload(hub, token, new Uint8Array(100 * MB));
  assertEquals([big.status, big.body.size], [201, 100 * MB]);
  const refused = await upload(hub, token, new Uint8Array(100 * MB + 1));
  assertEquals([refused.status, refused.body.detail], [413, "A file can have at most 100 MB"]);
  let left = 105;
  const unannounced = new ReadableStream<Uint8Array>({
    pull: (c) => left-- > 0 ? c.enqueue(new Uint8Array(MB)) : c.close(),
  });
  assertEquals((await upload(hub, token, unannounced)).status, 413);
  assertEquals(kept(hub).length, 1);
});

Deno.test("an upload that breaks off leaves nothing", async () => {
  await using hub = await HubFixture.start();
  const { token } = await hub.user("ann");
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: hub.port });
  const head = [
    "POST /api/attachments?filename=a HTTP/1.1",
    `host: 127.0.0.1:${hub.port}`,
    `authorization: Bearer ${token}`,
    "content-length: 1000",
  ];
  await conn.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\nhalf of it`));
  await until(() => kept(hub).length === 1, "the file of the upload");
  conn.close();
  await until(() => kept(hub).length === 0, "the file to be gone");
  const rows = hub.server.core.store.db.all("SELECT * FROM attachments");
  assertEquals(rows, []);
});

Deno.test("files that wait to be sent are bounded and removed after a day; broken ends are cleaned up", async () => {
  await using hub = await HubFixture.start();
  const { token } = await hub.user("ann");
  const first = await upload(hub, token, "x");
  for (let i = 1; i < 100; i++) assertEquals((await upload(hub, token, "x")).status, 201);
  assertEquals((await upload(hub, token, "x")).status, 409);
  await hub.server.core.store.db.run("DELETE FROM attachments WHERE id > ?", first.body.id);
  // What no row knows goes at the next start.
  await hub.restart();
  assertEquals(kept(hub).length, 1);
  const { attachments } = hub.server.core;
  attachments.sweep(Date.now() + 23 * 3600_000);
  assertEquals(kept(hub).length, 1);
  attachments.sweep(Date.now() + 25 * 3600_000);
  assertEquals(kept(hub).length, 0);
});

Deno.test("Attachments.save() says when there is no room, before and while it writes", async () => {
  await using hub = await HubFixture.start();
  const { core } = hub.server;
  let free = 300 * MB;
  const attachments = new Attachments(core.store, hub.dir, () => {}, () => free);
  try {
    const file = (bytes: number, size: number | null) => ({
      filename: "a",
      mimeType: null,
      size,
      body: new Blob([new Uint8Array(bytes)]).stream(),
    });
    const refusal = async (upload: ReturnType<typeof file>) =>
      (await assertRejects(() => attachments.save(1, upload), AppError)).code;
    assertEquals(await refusal(file(1, 50 * MB)), "disk_full");
    const slow = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (c) => {
        free -= 10 * MB;
        c.enqueue(new Uint8Array(10 * MB));
      },
    });
    assertEquals(await refusal({ ...file(0, null), body: slow }), "disk_full");
    assertEquals(kept(hub), []);
    free = 300 * MB;
    assertEquals((await attachments.save(1, file(5, 5))).size, 5);
  } finally {
    attachments.close();
  }
});

Deno.test("a message takes its files along; the device fetches them with the attempt's token alone", async () => {
  await using hub = await HubFixture.start();
  const { token, key } = await hub.user("ann");
  const device = await hub.device(key, "dev-1");
  const page = await hub.browser(token);
  const ids = [
    (await upload(hub, token, PNG, "b.png", "image/png")).body.id,
    (await upload(hub, token, "text", "a.txt")).body.id,
  ];
  const sent = await page.ask("chat:send", { message: " ", attachments: ids });
  const request = await device.event("task:execute");
  assertEquals(request.prompt, `[attachment:${ids[0]}]\n[attachment:${ids[1]}]`);
  const file = (id: number, original_filename: string, mime_type: string, file_size: number) => ({
    id,
    original_filename,
    mime_type,
    file_size,
    subtask_id: sent.subtask_id,
  });
  assertEquals(request.attachments, [
    file(ids[0], "b.png", "image/png", 7),
    file(ids[1], "a.txt", "text/plain", 4),
  ]);
  assertEquals(request.user_subtask_id, sent.subtask_id);
  const fetched = await download(hub, request.auth_token, ids[0], "executor-download");
  assertEquals(new Uint8Array(await fetched.arrayBuffer()), PNG);

  // The pages see them with the message, which is called after the first of them.
  const { body } = await hub.call("GET", `/api/tasks/${sent.task_id}`, token);
  assertEquals(body.task.title, "b.png");
  assertEquals(body.subtasks.map((s: Wire) => s.attachments.map((a: Wire) => a.filename)), [
    ["b.png", "a.txt"],
    [],
  ]);
  // What was sent is not sent twice, nor removed alone.
  const again = await page.ask("chat:send", { message: "x", attachments: ids });
  assertEquals(again, { error: "A file is not there any more; add it again" });
  const removal = await hub.call("DELETE", `/api/attachments/${ids[0]}`, token);
  assertEquals(removal.status, 400);

  // Another conversation's file, another token, and the end of the attempt.
  const other = (await upload(hub, token, "other")).body.id;
  await page.ask("chat:send", { message: "other", attachments: [other] });
  const second = await device.event("task:execute", (r) => r.task_id !== request.task_id);
  const attempt = async (bearer: string, id: number) =>
    await status(await download(hub, bearer, id, "executor-download"));
  assertEquals(await attempt(request.auth_token, other), 404);
  assertEquals(await attempt(second.auth_token, other), 200);
  assertEquals(await attempt(token, ids[0]), 401);
  assertEquals(await attempt("nonsense", ids[0]), 401);
  assertEquals(await status(await download(hub, request.auth_token, ids[0])), 401);
  const stored = JSON.stringify(hub.server.core.store.db.all("SELECT * FROM dispatch_tokens"));
  assert(!stored.includes(request.auth_token), "a token in clear");
  await new StubRun(device, request).complete("ok");
  assertEquals(await attempt(request.auth_token, ids[0]), 401);
  assertEquals(await attempt(second.auth_token, other), 200);
});

Deno.test("a message without files brings no token; a retry gets a new one", async () => {
  await using hub = await HubFixture.start();
  const { token, page, device, run, request, taskId, turnId } = await runningTurn(hub);
  assertEquals([request.auth_token, request.attachments], ["", []]);
  await run.complete("ok");
  const id = (await upload(hub, token, "x")).body.id;
  const sent = await page.ask("chat:send", { task_id: taskId, message: "see", attachments: [id] });
  const first = await device.event("task:execute", (r) => r.subtask_id !== turnId);
  assertEquals(first.prompt, `see\n\n[attachment:${id}]`);
  await new StubRun(device, first).send("error", { message: "no" });
  device.events.length = 0;
  const turn = { task_id: taskId, subtask_id: sent.assistant_subtask_id };
  await page.ask("chat:retry", turn);
  const second = await device.event("task:execute");
  assertEquals(second.attachments, first.attachments);
  assert(second.auth_token !== first.auth_token);
  assertEquals(
    await status(await download(hub, first.auth_token, id, "executor-download")),
    401,
  );
  assertEquals(
    await status(await download(hub, second.auth_token, id, "executor-download")),
    200,
  );
});

Deno.test("a request that is sent again leaves the token of the first one good", async () => {
  await using hub = await HubFixture.start({ timings: { executeAckMs: 300 } });
  const { token, key } = await hub.user("ann");
  const device = await hub.device(key, "dev-1");
  device.acknowledges = false;
  const page = await hub.browser(token);
  const id = (await upload(hub, token, "x")).body.id;
  await page.ask("chat:send", { message: "see", attachments: [id] });
  const first = await device.event("task:execute");
  device.cut();
  const again = await hub.device(key, "dev-1");
  const second = await again.event("task:execute");
  for (const { auth_token } of [first, second]) {
    const response = await download(hub, auth_token, id, "executor-download");
    assertEquals(await response.text(), "x");
  }
});

Deno.test("files go with their conversation, and at most twenty with a message", async () => {
  await using hub = await HubFixture.start();
  const { token, page, run, taskId } = await runningTurn(hub);
  await run.complete("ok");
  const ids: number[] = [];
  for (let i = 0; i < 21; i++) ids.push((await upload(hub, token, "x")).body.id);
  const refused = await page.ask("chat:send", { task_id: taskId, message: "x", attachments: ids });
  assert(refused.error.includes("attachments"), refused.error);
  const bob = await hub.user("bob");
  const foreign = (await upload(hub, bob.token, "x")).body.id;
  const message = { task_id: taskId, message: "x" };
  assertEquals(await page.ask("chat:send", { ...message, attachments: [foreign] }), {
    error: "A file is not there any more; add it again",
  });
  // A refused message has changed nothing.
  const { body } = await hub.call("GET", `/api/tasks/${taskId}`, token);
  assertEquals(body.subtasks.length, 2);
  await page.ask("chat:send", { ...message, attachments: ids.slice(0, 20) });
  assertEquals(kept(hub).length, 22);
  await hub.call("DELETE", `/api/tasks/${taskId}`, token);
  assertEquals(kept(hub).length, 2);
  const { db } = hub.server.core.store;
  assertEquals(db.all("SELECT id FROM attachments ORDER BY id"), [{ id: ids[20] }, {
    id: foreign,
  }]);
});
