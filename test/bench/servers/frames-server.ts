/**
 * The least that any server in Node does for a call over a connection of its own: it knows of HTTP/2 only that frames have a
 * length and a type, and gives back the bytes of the message in frames that it has ready. No server for use: it checks nothing.
 */
import { createServer, type Socket } from "node:net";

const [DATA, HEADERS, SETTINGS, PING] = [0, 1, 4, 6];
const [END_STREAM, ACK, END_HEADERS] = [1, 1, 4];
const HEAD = 9;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".length;
/** What a peer takes in a frame unless it says more. */
const LONGEST = 16_384;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header as its text, that no table keeps. */
const header = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0x10, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
const OK = Buffer.from([0x88]);
const FIRST = Buffer.concat([OK, header("content-type", "application/grpc")]);
const LAST = header("grpc-status", "0");
const NOTHING = Buffer.alloc(0);

function answer(socket: Socket, stream: number, message: Buffer): void {
  const frames = [frame(HEADERS, END_HEADERS, stream, FIRST)];
  for (let at = 0; at < message.length; at += LONGEST)
    frames.push(frame(DATA, 0, stream, message.subarray(at, at + LONGEST)));
  frames.push(frame(HEADERS, END_HEADERS | END_STREAM, stream, LAST));
  socket.write(Buffer.concat(frames));
}

function serve(socket: Socket): void {
  let bytes = NOTHING;
  let at = PREFACE;
  let message: Buffer[] = [];
  const take = (type: number, flags: number, stream: number, payload: Buffer): void => {
    if (type === SETTINGS && (flags & ACK) === 0) socket.write(frame(SETTINGS, ACK, 0, NOTHING));
    if (type === PING && (flags & ACK) === 0) socket.write(frame(PING, ACK, 0, payload));
    if (type !== DATA) return;
    message.push(payload);
    if ((flags & END_STREAM) === 0) return;
    answer(socket, stream, Buffer.concat(message));
    message = [];
  };
  socket.write(frame(SETTINGS, 0, 0, NOTHING));
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= at + HEAD && bytes.length >= at + HEAD + bytes.readUIntBE(at, 3)) {
      const start = at + HEAD;
      at = start + bytes.readUIntBE(at, 3);
      const [type, flags, stream] = [
        bytes.readUInt8(start - 6),
        bytes.readUInt8(start - 5),
        bytes.readUInt32BE(start - 4),
      ];
      take(type, flags, stream, bytes.subarray(start, at));
    }
  });
}

createServer(serve).listen(process.argv[2]);
