/** The sidecar's own server of KubeVirt's hooks, with a hook that gives the domain back. */
import { addHooks, listenUnix, makeServer } from "@netbind/remote/sidecar";

const server = makeServer();
addHooks(server, { name: "echo", onDefineDomain: (xml) => xml, shutdown: () => undefined });
await listenUnix(server, process.argv[2] ?? "");
