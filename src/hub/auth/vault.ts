/**
 * The hub's own secret: one random key in an owner-only file. Tokens are signed and stored secrets are
 * sealed with keys derived from it, so the database alone gives nothing away.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { join } from "../../platform/std/path.ts";
import { AppError } from "../../platform/mod.ts";

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Keys derived from the hub's secret. */
export class Vault {
  readonly #sealing: Uint8Array;
  /** Signs access tokens. */
  readonly signing: Uint8Array;

  constructor(secret: Uint8Array) {
    this.#sealing = derive(secret, "sealing v1");
    this.signing = derive(secret, "signing v1");
  }

  /** Encrypts `text` (AES-256-GCM). */
  seal(text: string): Uint8Array {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#sealing, iv);
    const body = [cipher.update(text, "utf8"), cipher.final()];
    return concat([iv, cipher.getAuthTag(), ...body]);
  }

  /**
   * Decrypts what {@link seal} made.
   *
   * @throws {AppError} `secret_unreadable` when the key file was replaced or the data was changed.
   */
  open(sealed: Uint8Array): string {
    try {
      const decipher = createDecipheriv(
        "aes-256-gcm",
        this.#sealing,
        sealed.subarray(0, IV_BYTES),
      );
      decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      const body = [
        decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)),
        decipher.final(),
      ];
      return new TextDecoder().decode(concat(body));
    } catch (error) {
      throw new AppError(
        "secret_unreadable",
        "The stored key cannot be read: the hub's key file has changed",
        { remedy: "Enter the key again in the settings", cause: error },
      );
    }
  }
}

/** Opens the vault of `dataDir`; its key file `hub.key` is made at the first start. */
export function openVault(dataDir: string): Vault {
  const path = join(dataDir, "hub.key");
  try {
    return new Vault(Deno.readFileSync(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const secret = randomBytes(KEY_BYTES);
  Deno.writeFileSync(path, secret, { createNew: true, mode: 0o600 });
  return new Vault(secret);
}

function derive(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(
    createHmac("sha256", secret).update(purpose).digest(),
  );
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
