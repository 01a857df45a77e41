import { assert, assertEquals } from "../../tests/support/assert.ts";
import { SecretMasker } from "./secret_mask.ts";

const KEY = "sk-ant-api03-AbC+/9xY?z\"q\\é~('w)-0123456789abcdefghijklmnopqrstuv";
const TOKEN = "glpat-Zz19_kQ7";

function base64(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** Every piece of a stream, the flush included. */
function streamed(masker: SecretMasker, pieces: Iterable<string>): string {
  const stream = masker.stream();
  return [...pieces].map((piece) => stream.push(piece)).join("") + stream.flush();
}

/** The forms a test looks for in what came out. */
function forms(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const hex = Array.from(new TextEncoder().encode(secret), (b) => b.toString(16).padStart(2, "0"))
    .join("");
  return [
    secret,
    json,
    JSON.stringify(json).slice(1, -1),
    encodeURIComponent(secret),
    encodeURIComponent(secret).toLowerCase() === encodeURIComponent(secret)
      ? secret
      : encodeURIComponent(secret).replace(/%../g, (c) => c.toLowerCase()),
    new URLSearchParams({ k: secret }).toString().slice(2),
    hex,
    hex.toUpperCase(),
  ];
}

Deno.test("SecretMasker.mask() masks plain, escaped, URL-encoded and hexadecimal secrets", () => {
  const masker = new SecretMasker([KEY, TOKEN, "short"]);
  for (const secret of [KEY, TOKEN]) {
    for (const form of forms(secret)) {
      assertEquals(masker.mask(`a ${form} b ${form}`), "a *** b ***", form);
    }
  }
  assertEquals(masker.mask("short and sk-ant-api03-else"), "short and sk-ant-api03-else");
});

Deno.test("SecretMasker.mask() masks base64 whatever stands before and behind the secret", () => {
  const masker = new SecretMasker([KEY, TOKEN]);
  for (const secret of [KEY, TOKEN]) {
    for (let before = 0; before < 7; before++) {
      for (let behind = 0; behind < 4; behind++) {
        const text = base64("u:pass:word".slice(0, before) + secret + "\n}!\n".slice(0, behind));
        const url = text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
        const wrapped = text.replace(/.{20}/g, "$&\n");
        for (const form of [text, url, wrapped, JSON.stringify(wrapped), wrapped + "\r\n"]) {
          const masked = masker.mask(form);
          assert(masked.includes("***"), form);
          // What is left tells at most the neighbours' bits, wherever lines are broken.
          const rest = masked.replaceAll("***", "").replaceAll(/\\n|[\s"=]/g, "");
          const most = Math.ceil(before * 8 / 6) + Math.ceil(behind * 8 / 6) + 2;
          assert(rest.length <= most, `${form} → ${masked}`);
        }
      }
    }
  }
});

Deno.test("SecretMasker.mask() leaves other text as it is, to the same string", () => {
  const masker = new SecretMasker([KEY, TOKEN]);
  const text = "glpat-Zz19_kQ6 and sk-ant-api03-AbC+/9xY? \n\\n é 😀 ".repeat(50);
  assertEquals(masker.mask(text), text);
  assertEquals(new SecretMasker().mask(KEY), KEY);
  assertEquals(new SecretMasker(["******", "12345"]).mask("****** 12345"), "****** 12345");
});

Deno.test("SecretMasker.mask() masks secrets that overlap, touch or contain each other", () => {
  const masker = new SecretMasker(["abcdef", "xxabcdefyy", "defghi", "aaaaaa"]);
  assertEquals(masker.mask("1abcdefghi2"), "1***2");
  assertEquals(masker.mask("1xxabcdefyy2"), "1***2");
  assertEquals(masker.mask("1xxabcdefyz2"), "1xx***yz2");
  assertEquals(masker.mask("1" + "a".repeat(1000) + "2"), "1***2");
});

Deno.test("SecretMasker.mask() masks all of a very long secret", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(9000));
  const secret = Array.from(bytes, (byte) => String.fromCharCode(33 + byte % 90)).join("");
  for (const length of [4096, 4097, 9000]) {
    const part = secret.slice(0, length);
    assertEquals(new SecretMasker([part]).mask(`<${part}>`), "<***>", String(length));
  }
});

Deno.test("MaskStream masks a secret split at every place", () => {
  const masker = new SecretMasker([KEY, TOKEN, "aaaaaa"]);
  const texts = [KEY, TOKEN, base64(`x${KEY}`), encodeURIComponent(KEY), "a".repeat(40)];
  for (const secret of texts) {
    const text = `Key: ${secret}. Done`;
    const whole = masker.mask(text);
    const mark = whole.indexOf("***");
    // Up to two units may be out before it is known what they begin.
    const right = [0, 1, 2].map((n) =>
      whole.slice(0, mark) + text.slice(mark, mark + n) + whole.slice(mark)
    );
    for (let cut = 0; cut <= text.length; cut++) {
      const got = streamed(masker, [text.slice(0, cut), text.slice(cut)]);
      assert(right.includes(got), `${cut}: ${got}`);
    }
    const single = streamed(masker, text);
    assert(right.includes(single), single);
  }
});

Deno.test("MaskStream gives back exactly what holds no secret, in whatever pieces", () => {
  const masker = new SecretMasker([KEY, TOKEN]);
  const text = "sk-ant-api03-AbX glpat-Zz19_kQ6 sk-ant-sk-ant-api03-\n c2stYW50LWFwaTAz 😀 ".repeat(
    20,
  );
  for (const size of [1, 2, 3, 7, 50]) {
    const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    assertEquals(streamed(masker, pieces), text, String(size));
  }
});

Deno.test("MaskStream holds back nothing but what may begin a secret", () => {
  const masker = new SecretMasker([TOKEN]);
  const stream = masker.stream();
  assertEquals(stream.push("hello g"), "hello g");
  assertEquals(stream.push("lp"), "");
  assertEquals(stream.push("s and on"), "lps and on");
  assertEquals(stream.push("see glpa"), "see ");
  assertEquals(stream.flush(), "glpa");
  assertEquals(stream.push("t-Zz19_kQ7!"), "***!");
});

Deno.test("MaskStream.flush() shows no half of a secret, and not its end later", () => {
  const stream = new SecretMasker([TOKEN]).stream();
  assertEquals(stream.push("is glpat-Zz"), "is ");
  assertEquals(stream.flush(), "***");
  assertEquals(stream.push("19_kQ7."), "***.");
});

Deno.test("MaskStream takes up secrets that are added while it holds something", () => {
  const masker = new SecretMasker([TOKEN]);
  const stream = masker.stream();
  assertEquals(stream.push("glpat-"), "");
  masker.add(["glpat-other"]);
  assertEquals(stream.push("other, glpat-"), "***, ");
  masker.add(["unrelated"]);
  assertEquals(stream.push("Zz19_kQ7"), "***");
});

Deno.test("MaskStream holds a bounded text back", () => {
  const masker = new SecretMasker(["aaaaaa", TOKEN]);
  for (const piece of ["a", "\n", "Z2xwYXQt\n\n", "\\n"]) {
    const stream = masker.stream();
    let out = 0;
    stream.push("Z2xwYXQ");
    for (let i = 0; i < 5000; i++) out += stream.push(piece).length;
    const rest = stream.flush().length;
    assert(rest < 300, `${JSON.stringify(piece)}: ${rest} held, ${out} shown`);
  }
});
