/** `@std/path`, typed: the npm mirror of the standard library carries no type declarations. */
import * as untyped from "@std/path";

interface PathModule {
  readonly SEPARATOR: "/" | "\\";
  /** Last segment of `path`, without `suffix` when given. */
  basename(path: string, suffix?: string): string;
  dirname(path: string): string;
  extname(path: string): string;
  fromFileUrl(url: URL | string): string;
  isAbsolute(path: string): boolean;
  join(first: string, ...rest: string[]): string;
  normalize(path: string): string;
  relative(from: string, to: string): string;
  resolve(...segments: string[]): string;
  toFileUrl(path: string): URL;
}

const path = untyped as unknown as PathModule;
export const {
  SEPARATOR,
  basename,
  dirname,
  extname,
  fromFileUrl,
  isAbsolute,
  join,
  normalize,
  relative,
  resolve,
  toFileUrl,
} = path;
