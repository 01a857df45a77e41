/** `device:run_extension`: scripts of a task's skills, off unless the owner allows them. */
import { exists } from "../../src/platform/mod.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { say, script } from "../support/model.ts";
import { type DeviceFixture, LONG, withDevice, workdirOf } from "./fixture.ts";

const EVENT = "device:run_extension";

interface Extension {
  readonly device: DeviceFixture;
  readonly taskId: number;
  /** The task's working directory. */
  readonly workdir: string;
  /** Writes a script of the skill `notes`. */
  plant(path: string, text: string): void;
  run(more?: Record<string, unknown>): Promise<Record<string, unknown>>;
}

/** A device with a task that has a directory. */
async function withExtension(
  enabled: boolean,
  test: (extension: Extension) => Promise<void>,
): Promise<void> {
  await withDevice({}, async (device) => {
    if (enabled) await enable(device);
    const turn = device.request(script(say("Here.")));
    device.backend.execute(turn);
    await device.backend.waitTerminal(turn.subtask_id, LONG);
    const workdir = workdirOf(device.world, turn.task_id);
    const skill = `${workdir}/.claude/skills/notes`;
    await test({
      device,
      taskId: turn.task_id,
      workdir,
      plant: (path, text) => {
        Deno.mkdirSync(`${skill}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
        Deno.writeTextFileSync(`${skill}/${path}`, text);
      },
      run: (more = {}) =>
        device.backend.call(EVENT, {
          extension_name: "notes",
          action: "list",
          task_id: turn.task_id,
          script_path: "bin/run.sh",
          ...more,
        }, LONG) as Promise<Record<string, unknown>>,
    });
  });
}

async function enable({ world, backend }: DeviceFixture): Promise<void> {
  for (const args of [["config", "set", "extensions", "true"], ["restart"]]) {
    const { code, stderr } = await world.run(args);
    assertEquals(code, 0, stderr);
  }
  await backend.waitDevice(LONG, 2);
}

Deno.test("run_extension is refused unless the owner enables it", () =>
  withExtension(false, async ({ plant, run, workdir }) => {
    plant("bin/run.sh", 'touch ran; echo "{}"');
    const answer = await run();
    assertEquals(answer["success"], false);
    assertStringIncludes(String(answer["message"]), "Extensions are not enabled on this device");
    assertStringIncludes(String(answer["message"]), "config set extensions true");
    assert(!exists(`${workdir}/ran`));
  }));

Deno.test("run_extension runs a script of the task's skill in its directory and answers what it prints", () =>
  withExtension(true, async ({ plant, run, workdir, taskId }) => {
    plant(
      "bin/run.sh",
      `echo "{\\"action\\":\\"$1\\",\\"pwd\\":\\"$PWD\\",\\"name\\":\\"$WEGENT_EXTENSION_NAME\\",` +
        `\\"key\\":\\"$WEGENT_EXT_NOTE_ID\\",\\"payload\\":$WEGENT_EXTENSION_PAYLOAD}"`,
    );
    const payload = { "note-id": 7, text: "a b" };
    assertEquals(await run({ payload }), {
      action: "list",
      pwd: workdir,
      name: "notes",
      key: "7",
      payload,
    });
    assertEquals((await run({ task_id: taskId + 1 }))["success"], false);
  }));

Deno.test("run_extension keeps scripts in their skill and in the task's box", () =>
  withExtension(true, async ({ device, plant, run, workdir }) => {
    const { world } = device;
    const message = async (more: Record<string, unknown>) => String((await run(more))["message"]);
    plant("../../../outside.sh", 'echo "{}"');
    for (const script_path of ["../../../outside.sh", "/etc/hosts", "bin/../../x.sh"]) {
      assertStringIncludes(await message({ script_path }), "Cannot read the request");
    }
    for (const extension_name of ["..", ".", "a/b"]) {
      assertStringIncludes(await message({ extension_name }), "Cannot read the request");
    }
    plant("bin/real.sh", "");
    Deno.symlinkSync(`${workdir}/outside.sh`, `${workdir}/.claude/skills/notes/bin/link.sh`);
    assertStringIncludes(await message({ script_path: "bin/link.sh" }), 'no script "bin/link.sh"');
    assertStringIncludes(await message({ script_path: "bin/none.sh" }), 'no script "bin/none.sh"');

    plant(
      "bin/run.sh",
      `touch inside; touch ${world.home}/escaped; cat ${world.executorHome}/device-config.json`,
    );
    const refused = await message({});
    assertStringIncludes(refused, 'The extension "notes" ended with status 1');
    assertStringIncludes(refused, "Permission denied");
    assert(exists(`${workdir}/inside`) && !exists(`${world.home}/escaped`));

    plant("bin/run.sh", "(setsid sleep 300 &); echo nothing");
    assertStringIncludes(await message({}), "did not print one JSON object");
    const left = world.processes().filter(({ command }) => /sleep 300/.test(command));
    assertEquals(left, []);
    const state = `${world.executorHome}/state/extensions`;
    assertEquals([...Deno.readDirSync(state)], []);
  }));
