import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiConnection } from "./connection.ts";
import { ConnectionError } from "./errors.ts";

/** Where the kubelet mounts a service account into a pod. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What tells a pod where its cluster's API server is. */
export interface PodSurroundings {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Of the service account's `token` and `ca.crt`. */
  readonly directory?: string;
}

/** The API server of the cluster in which this process is a pod. @throws ConnectionError where it is none */
export function inClusterConnection({
  env = process.env,
  directory = SERVICE_ACCOUNT,
}: PodSurroundings = {}): ApiConnection {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (!host || !port)
    throw new ConnectionError(
      "this process is not in a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set): " +
        "name a kubeconfig with --kubeconfig",
    );
  const read = (name: string): string => {
    const file = join(directory, name);
    try {
      return readFileSync(file, "utf8").trim();
    } catch (error) {
      throw new ConnectionError(
        `${file} cannot be read (${(error as NodeJS.ErrnoException).code}): ` +
          "give the pod a service account, and do not set automountServiceAccountToken: false",
      );
    }
  };
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    source: `the service account in ${directory}`,
    credentials: () => ({ ca: read("ca.crt"), token: read("token") }),
  };
}
