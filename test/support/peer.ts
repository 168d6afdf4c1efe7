/**
 * Somebody outside a pod: runs in the network namespace that it is started in, listens on one TCP and one UDP port, and
 * tells on standard output who sent what. Usage: peer TCP_PORT UDP_PORT
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

const [tcpPort, udpPort] = process.argv.slice(2).map(Number);
const tellSeen = (protocol: string, address: string, text: string): void =>
  void process.stdout.write(`${JSON.stringify({ protocol, address, text })}\n`);

const udp = createSocket("udp4");
udp.on("message", (message, { address }) => tellSeen("udp", address, message.toString("utf8")));
const tcp = createServer((socket) => {
  socket.on("data", (chunk) => tellSeen("tcp", (socket.remoteAddress ?? "").replace("::ffff:", ""), chunk.toString("utf8")));
  socket.on("error", () => undefined);
});
tcp.listen(tcpPort, "0.0.0.0", () => udp.bind(udpPort, "0.0.0.0", () => process.stdout.write("ready\n")));
