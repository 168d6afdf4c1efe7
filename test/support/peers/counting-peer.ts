/**
 * A host that keeps two TCP connections with a guest: it counts into one, which the guest sends back, and the guest counts
 * into the other. Tells what came when a line is written to it. Usage: counting-peer GUEST ECHO_PORT OWN_PORT
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

/** Short against any break: a switch that forgets the guest is seen by what comes late. */
const PAUSE = 20;

const [guest = "", echoPort, ownPort] = process.argv.slice(2);
const ended: string[] = [];
let [sent, echoed, counted, accepted] = [0, "", "", 0];

const listening = createServer((socket) => {
  accepted += 1;
  socket.on("data", (chunk) => {
    counted += chunk.toString("latin1");
  });
  socket
    .on("error", (error) => ended.push(`from the guest: ${error.message}`))
    .on("close", () => ended.push("from the guest: closed"));
}).listen(Number(ownPort), "0.0.0.0");
await once(listening, "listening");
const socket = connect(Number(echoPort), guest, () => {
  setInterval(() => socket.write(`${++sent}\n`), PAUSE);
});
socket.on("data", (chunk) => {
  echoed += chunk.toString("latin1");
});
socket
  .on("error", (error) => ended.push(`to the guest: ${error.message}`))
  .on("close", () => ended.push("to the guest: closed"));
createInterface(process.stdin)
  .on("line", () => process.stdout.write(`${JSON.stringify({ sent, echoed, counted, accepted, ended })}\n`))
  .on("close", () => process.exit(0));
