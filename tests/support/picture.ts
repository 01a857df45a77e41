/** Small real pictures, so that no test needs a file of its own. */
import { deflateSync } from "node:zlib";

/** A PNG of one colour, `side` pixels wide and high. */
export function png(side = 16, [r, g, b] = [70, 87, 216]): Uint8Array<ArrayBuffer> {
  const row = new Uint8Array(1 + side * 3);
  for (let x = 0; x < side; x++) row.set([r!, g!, b!], 1 + x * 3);
  const pixels = new Uint8Array(row.length * side);
  for (let y = 0; y < side; y++) pixels.set(row, y * row.length);
  const size = new Uint8Array(13);
  new DataView(size.buffer).setUint32(0, side);
  new DataView(size.buffer).setUint32(4, side);
  size.set([8, 2, 0, 0, 0], 8);
  const parts = [
    new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", size),
    chunk("IDAT", new Uint8Array(deflateSync(pixels))),
    chunk("IEND", new Uint8Array()),
  ];
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  view.setUint32(data.length + 8, crc(out.subarray(4, data.length + 8)));
  return out;
}

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return (value ^ 0xffffffff) >>> 0;
}
