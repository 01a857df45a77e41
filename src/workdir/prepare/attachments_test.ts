/** Downloads from a real server on the loopback. */
import { join } from "../../platform/std/path.ts";
import { assert, assertEquals, assertStringIncludes } from "../../../tests/support/assert.ts";
import { SmallDisk, smallDiskReason } from "../../../tests/support/full_disk.ts";
import { GitServer } from "../../../tests/support/git_server.ts";
import { guardedTest } from "../../../tests/support/require.ts";
import { Workshop } from "../../../tests/support/workshop.ts";
import type { Attachment } from "../../protocol/mod.ts";
import { fetchAttachments, readableSize } from "./attachments.ts";

const BEARER = "user-token-of-the-request";

/** A server whose attachments are texts by id. */
function serve(server: GitServer, files: Record<string, string>): void {
  for (const [id, text] of Object.entries(files)) {
    server.answer(`/api/attachments/${id}/executor-download`, () => new Response(text));
  }
}

function jobOf(server: GitServer, shop: Workshop, attachments: Attachment[]) {
  return shop.job({ attachments, downloadBase: `${server.origin}/`, authToken: BEARER });
}

Deno.test("fetchAttachments() downloads with the bearer and names files apart", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  serve(server, { 1: "one", 2: "two", 3: "three", 4: "" });
  const job = jobOf(server, shop, [
    { id: 1, original_filename: "a.txt", mime_type: "text/plain" },
    { id: 2, original_filename: "A.txt" },
    { id: 3, original_filename: "../../../a.txt" },
    { id: "4", original_filename: "..\n" },
  ]);
  const outcomes = await fetchAttachments(job, shop.seam());
  assertEquals(outcomes.map(({ error }) => error), [null, null, null, null]);
  const names = ["a.txt", "A (2).txt", "a (3).txt", "document"];
  assertEquals(
    outcomes.map(({ path }) => path),
    names.map((name) => join(job.attachmentsDir, name)),
  );
  assertEquals(outcomes.map(({ path }) => Deno.readTextFileSync(path!)), [
    "one",
    "two",
    "three",
    "",
  ]);
  assertEquals(outcomes.map(({ size }) => size), [3, 3, 5, 0]);
  assertEquals(
    new Set(server.requests.map(({ authorization }) => authorization)),
    new Set([`Bearer ${BEARER}`]),
  );
  assertEquals(Deno.statSync(job.attachmentsDir).mode! & 0o777, 0o700);
  // A retried turn fetches nothing again.
  await Deno.writeTextFile(join(job.attachmentsDir, ".part-left"), "x");
  const again = await fetchAttachments(job, shop.seam());
  assertEquals(again, outcomes);
  assertEquals(server.requests.length, 4);
  assertEquals(
    [...Deno.readDirSync(job.attachmentsDir)].map(({ name }) => name).sort(),
    [...names].sort(),
  );
});

Deno.test("fetchAttachments() gives the bearer to the server alone", async () => {
  await using server = new GitServer();
  await using store = new GitServer();
  using shop = new Workshop();
  const way = "/api/attachments/1/executor-download";
  server.answer(way, () => Response.redirect(`${server.origin}/next`, 302));
  server.answer("/next", () => Response.redirect(`${store.origin}/signed?key=k`, 307));
  store.answer("/signed", () => new Response("content"));
  const [outcome] = await fetchAttachments(
    jobOf(server, shop, [{ id: 1, original_filename: "a" }]),
    shop.seam(),
  );
  assertEquals(Deno.readTextFileSync(outcome!.path!), "content");
  assertEquals(server.requests.map(({ authorization }) => authorization !== null), [true, true]);
  assertEquals(store.requests.map(({ authorization }) => authorization), [null]);
});

Deno.test("fetchAttachments() turns every failure into an outcome and leaves no part of a file", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  serve(server, { 3: "x".repeat(5000) });
  const way = (id: number) => `/api/attachments/${id}/executor-download`;
  server.answer(way(1), () => new Response("no", { status: 403 }));
  server.answer(
    way(2),
    () => new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(9)) })),
  );
  server.answer(way(4), () => Response.redirect(`${server.origin}${way(4)}`, 302));
  server.answer(
    way(5),
    () => new Response(null, { status: 302, headers: { location: "file:///etc/passwd" } }),
  );
  const job = jobOf(server, shop, [
    { id: 1, original_filename: "forbidden" },
    { id: 2, original_filename: "slow" },
    { id: 3, original_filename: "large" },
    { id: 4, original_filename: "loop" },
    { id: 5, original_filename: "elsewhere" },
    { id: null, original_filename: "no id" },
    { id: 7, original_filename: null },
  ]);
  const limits = { downloadMs: 1500, maxAttachment: 4000 };
  const outcomes = await fetchAttachments(job, shop.seam({ limits }));
  assertEquals(outcomes.map(({ error }) => error), [
    "HTTP 403",
    "Download timeout",
    "Larger than the limit of 3.9 KB",
    "Request error: too many redirects",
    "Request error: the server gave an address that is not on the web",
    "Missing required fields (id or original_filename)",
    "Missing required fields (id or original_filename)",
  ]);
  assertEquals([...Deno.readDirSync(job.attachmentsDir)], []);
  const gone = {
    ...job,
    downloadBase: "http://127.0.0.1:9",
    attachments: job.attachments.slice(0, 1),
  };
  const [refused] = await fetchAttachments(gone, shop.seam());
  assertStringIncludes(refused!.error!, "Request error: ");
  assert(!refused!.error!.includes(BEARER));
});

Deno.test("fetchAttachments() does nothing without a token", async () => {
  using shop = new Workshop();
  const job = shop.job({
    attachments: [{ id: 1, original_filename: "a" }],
    downloadBase: "http://127.0.0.1:9",
  });
  assertEquals(await fetchAttachments(job, shop.seam()), []);
  assertEquals(shop.tree(), []);
});

Deno.test("fetchAttachments() writes through no link", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  serve(server, { 1: "downloaded" });
  const job = jobOf(server, shop, [{ id: 1, original_filename: "a.txt" }]);
  const victim = join(shop.home, "victim");
  Deno.writeTextFileSync(victim, "kept");
  // A link at the file's own place is replaced by the file.
  Deno.mkdirSync(job.attachmentsDir, { recursive: true });
  Deno.symlinkSync(victim, join(job.attachmentsDir, "a.txt"));
  const [replaced] = await fetchAttachments(job, shop.seam());
  assertEquals(Deno.lstatSync(replaced!.path!).isFile, true);
  assertEquals(Deno.readTextFileSync(victim), "kept");
  // A link on the way is refused.
  Deno.removeSync(join(shop.workdir, ".wegent"), { recursive: true });
  Deno.symlinkSync(shop.home, join(shop.workdir, ".wegent"));
  const [refused] = await fetchAttachments(job, shop.seam());
  assertStringIncludes(refused!.error!, "IO error: ");
  assertEquals([...Deno.readDirSync(shop.home)].map(({ name }) => name), ["victim"]);
});

Deno.test("fetchAttachments() fetches a file again whose size is wrong", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  serve(server, { 1: "whole" });
  const job = jobOf(server, shop, [{ id: 1, original_filename: "a.txt", file_size: 5 }]);
  shop.put(".wegent/attachments/7/101/a.txt", "who");
  const [outcome] = await fetchAttachments(job, shop.seam());
  assertEquals(Deno.readTextFileSync(outcome!.path!), "whole");
});

guardedTest({
  name: "fetchAttachments() says that the disk is full",
  needs: smallDiskReason,
  async fn() {
    await using server = new GitServer();
    using shop = new Workshop();
    const chunk = new Uint8Array(1024 * 1024);
    // Without a length, so that only writing tells.
    server.answer("/api/attachments/1/executor-download", () => {
      let left = 4;
      return new Response(
        new ReadableStream({ pull: (c) => left-- > 0 ? c.enqueue(chunk) : c.close() }),
      );
    });
    server.answer(
      "/api/attachments/2/executor-download",
      () => new Response(new Uint8Array(3 << 20)),
    );
    await using disk = await SmallDisk.mount(shop.workdir, 2);
    const job = jobOf(server, shop, [
      { id: 1, original_filename: "a" },
      { id: 2, original_filename: "b" },
    ]);
    const outcomes = await fetchAttachments(job, shop.seam());
    for (const { error } of outcomes) assertStringIncludes(error!, "IO error: ");
    assertEquals([...Deno.readDirSync(job.attachmentsDir)], []);
    assert(disk.path === shop.workdir);
  },
});

Deno.test("readableSize() is short", () => {
  assertEquals([0, 1023, 1024, 1536, 5 << 20, 3 * 2 ** 30].map(readableSize), [
    "0 bytes",
    "1023 bytes",
    "1 KB",
    "1.5 KB",
    "5 MB",
    "3 GB",
  ]);
});
