/** What finding the CLIs of several agents has in common. */
export { loginShellPath, programOutput } from "./login_shell.ts";
