/** `@std/assert`, typed: the npm mirror of the standard library carries no type declarations. */
import * as untyped from "@std/assert";

interface AssertModule {
  assert(condition: unknown, message?: string): asserts condition;
  assertEquals<T>(actual: T, expected: T, message?: string): void;
  assertNotEquals<T>(actual: T, expected: T, message?: string): void;
  assertStringIncludes(
    actual: string,
    expected: string,
    message?: string,
  ): void;
  assertMatch(actual: string, expected: RegExp, message?: string): void;
  assertObjectMatch(actual: object, expected: object, message?: string): void;
  assertThrows<E extends Error = Error>(
    fn: () => unknown,
    // deno-lint-ignore no-explicit-any -- a constructor of any arity
    errorClass?: new (...args: any[]) => E,
    messageIncludes?: string,
  ): E;
  assertRejects<E extends Error = Error>(
    fn: () => Promise<unknown>,
    // deno-lint-ignore no-explicit-any -- a constructor of any arity
    errorClass?: new (...args: any[]) => E,
    messageIncludes?: string,
  ): Promise<E>;
}

const module = untyped as unknown as AssertModule;
export const assert: AssertModule["assert"] = module.assert;
export const assertEquals: AssertModule["assertEquals"] = module.assertEquals;
export const assertNotEquals: AssertModule["assertNotEquals"] = module.assertNotEquals;
export const assertStringIncludes: AssertModule["assertStringIncludes"] =
  module.assertStringIncludes;
export const assertMatch: AssertModule["assertMatch"] = module.assertMatch;
export const assertObjectMatch: AssertModule["assertObjectMatch"] = module.assertObjectMatch;
export const assertThrows: AssertModule["assertThrows"] = module.assertThrows;
export const assertRejects: AssertModule["assertRejects"] = module.assertRejects;
