/**
 * Somebody outside a pod: runs in the network namespace that it is started in, listens on one TCP and one UDP port, and
 * tells on standard output who sent what. Usage: peer TCP_PORT UDP_PORT
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const [tcpPort, udpPort] = process.argv.slice(2).map(Number);
const recordSeen = (protocol: string, address: string, text: string): void =>
  void process.stdout.write(`${JSON.stringify({ protocol, address, text })}\n`);

const udp = createSocket("udp6");
udp.on("message", (message, { address }) =>
  recordSeen("udp", address.replace("::ffff:", ""), message.toString("utf8")),
);
const tcp = createServer((socket) => {
  socket.on("data", (chunk) =>
    recordSeen("tcp", (socket.remoteAddress ?? "").replace("::ffff:", ""), chunk.toString("utf8")),
  );
  socket.on("error", () => undefined);
});
// Both families: an IPv4 peer is seen by its mapped address.
tcp.listen(tcpPort, "::", () => udp.bind(udpPort, "::", () => process.stdout.write("ready\n")));
