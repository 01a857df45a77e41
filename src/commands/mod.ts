/** Commands a server has run on this device, each in a box of its own. */
export { type CommandResult, type CommandRun, runCommand } from "./run_command.ts";
