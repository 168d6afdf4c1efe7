/** Before each file of the tier `api`: its worker's API server is up. The global set-up has brought it up. */
import { inject } from "vitest";
import { useCluster } from "./use-api-server.ts";

const directory = useCluster();
if (directory.running() === undefined)
  await (await import("./api-workers.ts")).upApiServer(directory, inject("apiServers").owner);
