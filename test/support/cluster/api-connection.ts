import type { ApiConnection } from "@netbind/kube";
import type { ApiCredentials } from "./api-server.ts";

/** How the product's client reaches a test's API server, as a user. */
export function connectionOf({ server, ...credentials }: ApiCredentials): ApiConnection {
  return { server: new URL(server), source: "the test's credentials", credentials: () => credentials };
}
