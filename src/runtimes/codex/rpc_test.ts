import { assert, assertEquals, assertRejects } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import { delay } from "../../platform/std/async.ts";
import { RpcError, RpcPeer } from "./rpc.ts";

function pair(onRequest: (method: string) => Promise<unknown> = () => Promise.resolve({})) {
  const sent: Record<string, unknown>[] = [];
  const told: [string, unknown][] = [];
  const peer = new RpcPeer({
    send: (message) => void sent.push(JSON.parse(JSON.stringify(message))),
    onNotification: (method, params) => void told.push([method, params]),
    onRequest,
  });
  const take = (message: unknown) => peer.take(JSON.stringify(message));
  return { peer, sent, told, take };
}

Deno.test("RpcPeer.request() gets the answer of its own number, without a member jsonrpc", async () => {
  const { peer, sent, take } = pair();
  const [a, b] = [peer.request("x", { p: 1 }, 5000), peer.request("y", {}, 5000)];
  assertEquals(sent, [{ id: 1, method: "x", params: { p: 1 } }, {
    id: 2,
    method: "y",
    params: {},
  }]);
  take({ id: 2, result: "b" });
  take({ id: 1, error: { code: -32600, message: "No" } });
  assertEquals(await b, "b");
  const error = await assertRejects(() => a, RpcError);
  assertEquals([error.code, error.message], [-32600, "No"]);
});

Deno.test("RpcPeer.request() ends with its limit and with the connection", async () => {
  const { peer, take } = pair();
  const late = await assertRejects(() => peer.request("x", {}, 10), AppError);
  assertEquals(late.code, "agent_silent");
  take({ id: 1, result: "too late" });
  const cut = peer.request("x", {}, 5000);
  peer.close();
  assertEquals((await assertRejects(() => cut, AppError)).code, "agent_gone");
  assertEquals((await assertRejects(() => peer.request("x", {}, 10), AppError)).code, "agent_gone");
});

Deno.test("RpcPeer.take() answers the server's requests, whose numbers are its own", async () => {
  const { peer, sent, take } = pair((method) =>
    method === "known"
      ? Promise.resolve({ ok: 1 })
      : Promise.reject(new RpcError(-32601, "Unknown"))
  );
  const mine = peer.request("x", {}, 5000);
  take({ id: 1, method: "known", params: {} });
  take({ id: "s", method: "other" });
  await delay(1);
  assertEquals(sent.slice(1), [
    { id: 1, result: { ok: 1 } },
    { id: "s", error: { code: -32601, message: "Unknown" } },
  ]);
  take({ id: 1, result: "mine" });
  assertEquals(await mine, "mine");
});

Deno.test("RpcPeer.take() counts what is no message and goes on", () => {
  const { peer, told, take } = pair();
  for (const line of ["garbage", "[1]", '{"id":', '{"method":5}']) peer.take(line);
  take({ method: "n", params: { a: 1 }, emittedAtMs: 5 });
  assertEquals(peer.malformed, 4);
  assertEquals(told, [["n", { a: 1 }]]);
  assert(take({ id: 99, result: null }) === undefined);
});
