/** Runs in a cluster's network namespace: passes connections to a port there on to a unix socket of the test's. */
import { connect, createServer, type AddressInfo } from "node:net";

const [socket = ""] = process.argv.slice(2);

const server = createServer((client) => {
  const test = connect(socket);
  for (const [from, to] of [
    [client, test],
    [test, client],
  ] as const) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
    from.pipe(to);
  }
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.once("disconnect", () => process.exit(0));
