import { assertEquals } from "../../tests/support/assert.ts";
import { withImages } from "./prompt_images.ts";

Deno.test("withImages() adds the images that fit as blocks behind the text", () => {
  const dir = Deno.makeTempDirSync();
  try {
    const file = (name: string, size: number) => {
      Deno.writeFileSync(`${dir}/${name}`, new Uint8Array(size).fill(1));
      return `${dir}/${name}`;
    };
    const outcome = (path: string | null, mimeType: string, size: number | null) => ({
      id: "1",
      filename: "f",
      mimeType,
      size,
      path,
      error: path === null ? "HTTP 404" : null,
    });
    const small = outcome(file("a.jpg", 3), "image/jpg", 3);
    const others = [
      outcome(file("b.txt", 3), "text/plain", 3),
      outcome(null, "image/png", null),
      outcome(file("c.png", 4_000_000), "image/png", 4_000_000),
      outcome(file("d.svg", 3), "image/svg+xml", 3),
    ];
    assertEquals(withImages("look", others), "look");
    assertEquals(withImages("look", [small, ...others]), [
      { type: "input_text", text: "look" },
      { type: "input_image", image_url: "data:image/jpeg;base64,AQEB" },
    ]);
    assertEquals(withImages([{ type: "input_text", text: "x" }], [small]).length, 2);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
