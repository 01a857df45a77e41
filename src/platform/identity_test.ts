import { assert, assertEquals } from "../../tests/support/assert.ts";
import { defaultDeviceName, deriveDeviceId, type IdentitySeam } from "./mod.ts";

const seam = (over: Partial<IdentitySeam>): IdentitySeam => ({
  os: "linux",
  readFile: () => null,
  run: () => Promise.resolve(null),
  macAddresses: () => [],
  randomUUID: () => "12345678-9abc-4def-8000-000000000000",
  ...over,
});

// SHA-256 of "abc" begins with ba7816bf8f01.
Deno.test("deriveDeviceId() hashes the hardware id of each platform", async () => {
  const linux = seam({
    readFile: (p) => p === "/etc/machine-id" ? "abc\n" : null,
  });
  assertEquals(await deriveDeviceId("", linux), "hw-ba7816bf8f01");
  const mac = seam({
    os: "darwin",
    run: () => Promise.resolve('  "IOPlatformUUID" = "abc"\n'),
  });
  assertEquals(await deriveDeviceId("", mac), "hw-ba7816bf8f01");
  const windows = seam({
    os: "windows",
    run: () => Promise.resolve("    MachineGuid    REG_SZ    abc\r\n"),
  });
  assertEquals(await deriveDeviceId("", windows), "hw-ba7816bf8f01");
  const dbus = seam({
    readFile: (p) => p === "/var/lib/dbus/machine-id" ? "abc" : null,
  });
  assertEquals(await deriveDeviceId("", dbus), "hw-ba7816bf8f01");
});

Deno.test("deriveDeviceId() falls back to a real hardware address, then to a random one", async () => {
  const mac = seam({
    macAddresses: () => ["00:00:00:00:00:00", "03:aa:bb:cc:dd:ee", "02:AA:bb:cc:dd:ee"],
  });
  assertEquals(await deriveDeviceId("", mac), "mac-02aabbccddee");
  assertEquals(await deriveDeviceId("", seam({})), "uuid-123456789abc");
});

Deno.test("deriveDeviceId() gives another id for another home", async () => {
  const linux = seam({ readFile: () => "abc" });
  assert(
    await deriveDeviceId("/other", linux) !== await deriveDeviceId("", linux),
  );
});

Deno.test("defaultDeviceName() is system and host name", () => {
  assertEquals(defaultDeviceName("darwin", "mac.local"), "Darwin - mac.local");
  assertEquals(defaultDeviceName("linux", "x".repeat(200)).length, 100);
});
