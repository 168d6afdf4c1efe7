/** The least that a server on Node's own HTTP/2 does for a call: it gives back the bytes of the message, unread. */
import { createServer, type ServerHttp2Stream } from "node:http2";

function answer(stream: ServerHttp2Stream, message: Buffer): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(message);
}

const server = createServer();
server.on("stream", (stream) => {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => answer(stream, Buffer.concat(chunks)));
});
server.listen(process.argv[2]);
