/**
 * Asks for an address by DHCP, from a link without one, and prints the offer: address, and options as hexadecimal.
 * Usage: dhcp-client MAC [MILLISECONDS [BYTES]]: BYTES is the longest message that it says it takes.
 */
import { createSocket } from "node:dgram";

const MAGIC = Buffer.from([0x63, 0x82, 0x53, 0x63]);
const mac = Buffer.from((process.argv[2] ?? "").replaceAll(":", ""), "hex");

function discover(): Buffer {
  const header = Buffer.alloc(236);
  header.set([1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78], 0);
  header.writeUInt16BE(0x8000, 10);
  mac.copy(header, 28);
  const bytes = Number(process.argv[4] ?? 0);
  const longest = bytes === 0 ? [] : [57, 2, bytes >> 8, bytes & 0xff];
  return Buffer.concat([header, MAGIC, Buffer.from([53, 1, 1, ...longest, 255])]);
}

function readOptions(message: Buffer): Record<string, string> {
  const options: Record<string, string> = {};
  for (let at = 240; at < message.length && message[at] !== 255; ) {
    const [code = 0, length = 0] = [message[at], message[at + 1]];
    if (code === 0) at += 1;
    else {
      options[code] = message.subarray(at + 2, at + 2 + length).toString("hex");
      at += 2 + length;
    }
  }
  return options;
}

const socket = createSocket({ type: "udp4", reuseAddr: true });
socket.on("message", (message) => {
  process.stdout.write(
    JSON.stringify({ address: [...message.subarray(16, 20)].join("."), options: readOptions(message) }),
  );
  process.exit(0);
});
socket.bind(68, "0.0.0.0", () => {
  socket.setBroadcast(true);
  const send = (): void => socket.send(discover(), 67, "255.255.255.255");
  send();
  setInterval(send, 500);
  setTimeout(() => process.exit(1), Number(process.argv[3] ?? 8000));
});
