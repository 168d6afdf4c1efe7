import { consoleFiles, guestCommand } from "../../../core/local/src/launcher/console.ts";
import { State, stateDirectories, vmId } from "../../../core/local/src/record/state.ts";

const DEADLINE = 300_000;
const [name = "", command = ""] = process.argv.slice(2);
const directory = new State(stateDirectories(process.env)).podDirectory(vmId("default", name));
process.stdout.write(await guestCommand(consoleFiles(directory).socket, command, DEADLINE));
