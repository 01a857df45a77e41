/** `wegent-executor help`. */
import { EXIT } from "../platform/mod.ts";
import { print } from "./output.ts";

const TEXT =
  `  wegent-executor try                    try everything on this machine, no server needed
  wegent-executor up                     a hub and a device on this machine
  wegent-executor                        connect this machine to the configured server

Runs AI coding agents on this computer for its owner.

Usage: wegent-executor [command] [flags]

  start         Run the device (the default command)
  hub           Run a server of your own: API, sockets, web page
  up            Run a hub and a device together
  try           The same in a temporary home, with a demo model when there is no login
  status        What the running device is doing
  stop          End the device and everything it runs
  restart       Replace the device's process; running agents go on
  roots         Directories sessions may work in: roots list|add|remove
  permissions   Each fence around agents: what it allows, whether it is active
  agents        Agents' programs found here, which is used: agents list|install
  config        Show or change settings: config get|set|path
  version       Print the version

Each command answers --help.`;

export default function help(): Promise<number> {
  print(TEXT);
  return Promise.resolve(EXIT.ok);
}
