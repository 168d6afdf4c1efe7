/** Listens on TCP ports, and tells everybody who came who he is. Usage: tell-peer PORT... */
import { createServer } from "node:net";

for (const port of process.argv.slice(2).map(Number))
  createServer((socket) => {
    socket.on("error", () => undefined);
    socket.end(`the workload, to ${socket.remoteAddress}`);
  }).listen(port, "0.0.0.0");
process.stdout.write("ready\n");
