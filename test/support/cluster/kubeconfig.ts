import { writeFileSync } from "node:fs";
import type { ApiCredentials } from "./api-server.ts";

/** Writes a kubeconfig of an account that has a token; `namespace`: its context's. */
export function writeKubeconfig(path: string, { server, ca, token }: ApiCredentials, namespace?: string): void {
  const config = {
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
    users: [{ name: "account", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "account", namespace } }],
    "current-context": "test",
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
}
