/** Who is calling: passwords, one-time links, access tokens and API keys. */
import { createHash } from "node:crypto";
import { AppError } from "../../platform/mod.ts";
import type { ApiKeyRow, UserRow } from "../store/mod.ts";
import type { UserStore } from "../store/users.ts";
import {
  dummyHash,
  hashPassword,
  randomPassword,
  randomToken,
  verifyPassword,
} from "./password.ts";
import { RateLimit } from "./rate_limit.ts";
import { type Claims, isExpired, readToken, signToken } from "./token.ts";
import type { Vault } from "./vault.ts";

export { randomToken } from "./password.ts";
export { RateLimit } from "./rate_limit.ts";
export { isExpired } from "./token.ts";
export type { Claims } from "./token.ts";
export { openVault, Vault } from "./vault.ts";

/** Life of a one-time login link, in milliseconds. */
const LINK_MS = 15 * 60_000;
const MAX_LINKS = 100;
/** Failed sign-ins within five minutes after which a name (or an address) has to wait. */
const LOGIN_WINDOW_MS = 5 * 60_000;
const NAME_FAILURES = 10;
const ADDRESS_FAILURES = 50;
const KEY_FORM = /^wg-[\w-]{43}$/;

/** A person who signed in. */
export interface Login {
  user: UserRow;
  claims: Claims;
}

/** Checks credentials; every refusal is an {@link AppError} with the text the client shows. */
export class Auth {
  /** Hash of the one-time token → user and end of life. */
  readonly #links = new Map<string, { userId: number; until: number }>();
  readonly #nameFailures = new RateLimit(NAME_FAILURES, LOGIN_WINDOW_MS);
  readonly #addressFailures = new RateLimit(ADDRESS_FAILURES, LOGIN_WINDOW_MS);

  constructor(
    private readonly users: UserStore,
    private readonly vault: Vault,
  ) {}

  /** Creates the administrator at the first run; null when there is one already. */
  async firstRun(): Promise<{ user: UserRow; password: string } | null> {
    if (this.users.count() > 0) return null;
    const password = randomPassword();
    const hash = await hashPassword(password);
    return { user: this.users.create("admin", hash, true), password };
  }

  async createUser(name: string, password: string): Promise<UserRow> {
    return this.users.create(name, await hashPassword(password), false);
  }

  /**
   * @throws {AppError} `login_failed`, `login_limited` or `user_inactive`.
   */
  async login(
    name: string,
    password: string,
    address: string,
  ): Promise<string> {
    if (
      !this.#nameFailures.allows(name) || !this.#addressFailures.allows(address)
    ) {
      throw new AppError(
        "login_limited",
        "Too many failed sign-ins, try again in five minutes",
      );
    }
    const user = this.users.byName(name);
    const right = await verifyPassword(
      password,
      user?.password_hash ?? await dummyHash(),
    );
    if (!user || !right) {
      this.#nameFailures.count(name);
      this.#addressFailures.count(address);
      throw new AppError("login_failed", "Invalid username or password");
    }
    return this.#token(user);
  }

  /** A token that signs `userId` in once within 15 minutes. */
  issueLink(userId: number): string {
    const token = randomToken();
    this.#links.set(sha256(token), { userId, until: Date.now() + LINK_MS });
    for (const [key, link] of this.#links) {
      if (this.#links.size > MAX_LINKS || link.until < Date.now()) {
        this.#links.delete(key);
      }
    }
    return token;
  }

  /** @throws {AppError} `link_invalid`. */
  loginWithLink(token: string): string {
    const key = sha256(token);
    const link = this.#links.get(key);
    this.#links.delete(key);
    const user = link && link.until >= Date.now() ? this.users.byId(link.userId) : undefined;
    if (!user) {
      throw new AppError(
        "link_invalid",
        "This sign-in link has been used or has expired",
      );
    }
    return this.#token(user);
  }

  /** The person a valid, unexpired token belongs to; undefined otherwise. */
  byToken(token: string): Login | undefined {
    const claims = readToken(this.vault.signing, token);
    if (!claims || isExpired(claims)) return undefined;
    const user = this.users.byId(claims.user_id);
    return user && user.user_name === claims.sub ? { user, claims } : undefined;
  }

  /** The owner of an API key; undefined when the key is unknown or inactive. */
  byKey(key: string): UserRow | undefined {
    return KEY_FORM.test(key) ? this.users.ownerOfKey(sha256(key)) : undefined;
  }

  /** Makes an API key; the full key is returned here and never again. */
  createKey(
    userId: number,
    name: string,
    description: string | null,
  ): { row: ApiKeyRow; key: string } {
    const key = `wg-${randomToken()}`;
    const prefix = `${key.slice(0, 11)}...`;
    return {
      row: this.users.addKey(userId, name, description, sha256(key), prefix),
      key,
    };
  }

  #token(user: UserRow): string {
    if (!user.is_active) {
      throw new AppError("user_inactive", "User not activated");
    }
    return signToken(this.vault.signing, user);
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
