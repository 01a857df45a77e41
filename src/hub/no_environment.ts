/**
 * The hub's worker may not read the environment (it holds keys), but libraries look for debug switches
 * there when they are loaded. They find it empty. Must be imported before them.
 */
import process from "node:process";

Object.defineProperty(process, "env", {
  value: Object.create(null),
  configurable: true,
  enumerable: true,
  writable: true,
});
