import { assertEquals } from "../../../tests/support/assert.ts";
import { turnInput } from "./input.ts";

Deno.test("turnInput() joins texts, makes files of images and removes them", () => {
  const dir = Deno.makeTempDirSync();
  try {
    const input = turnInput([
      { type: "input_text", text: "One" },
      { type: "input_image", image_url: "data:image/jpeg;base64,AQEB" },
      { type: "text", text: "Two" },
      { type: "image", image_url: { url: "https://example.com/a.png" } },
      { type: "input_image", image_url: "data:image/png;base64,%%%" },
      { type: "input_image", image_url: "file:///etc/passwd" },
      { type: "input_text", text: "  " },
    ], dir);
    const [text, first, second, ...rest] = input.items;
    assertEquals(text, { type: "text", text: "One\n\nTwo", text_elements: [] });
    const files = [...Deno.readDirSync(dir)].map(({ name }) => `${dir}/${name}`);
    assertEquals(first, { type: "localImage", path: files[0] ?? "" });
    assertEquals(files[0]?.endsWith(".jpg"), true);
    assertEquals(Deno.readFileSync(files[0] ?? ""), new Uint8Array([1, 1, 1]));
    assertEquals((Deno.statSync(files[0] ?? "").mode ?? 0) & 0o777, 0o600);
    assertEquals([second, rest], [{ type: "image", url: "https://example.com/a.png" }, []]);
    input.remove();
    input.remove();
    assertEquals([...Deno.readDirSync(dir)], []);
    assertEquals(turnInput("plain", dir).items, [{
      type: "text",
      text: "plain",
      text_elements: [],
    }]);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
