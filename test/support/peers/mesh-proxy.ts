/**
 * Stands where a service mesh's proxy stands in a pod: takes what comes to the workload and passes it on from an address of
 * the loopback (Istio: 127.0.0.6) to the pod's own; keeps an administrative port; takes what the workload sends.
 * Usage: mesh-proxy POD_ADDRESS PORT
 */
import { connect, createServer, type Socket } from "node:net";

const [pod = "", port = "0"] = process.argv.slice(2);
const say =
  (text: string) =>
  (socket: Socket): void => {
    socket.on("error", () => undefined);
    socket.end(text);
  };

const inbound = createServer((socket) => {
  const workload = connect({ host: pod, port: Number(port), localAddress: "127.0.0.6" });
  for (const end of [socket, workload]) end.on("error", () => [socket, workload].map((one) => one.destroy()));
  socket.pipe(workload).pipe(socket);
});
inbound.listen(15006, "0.0.0.0", () =>
  createServer(say("the proxy's own")).listen(15000, "127.0.0.1", () =>
    createServer(say("on its way out")).listen(15001, "0.0.0.0", () => process.stdout.write("ready\n")),
  ),
);
