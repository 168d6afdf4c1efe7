import { inject } from "vitest";
import type {} from "./api-setup.ts";
import { ApiServer } from "./api-server.ts";
import { ClusterDirectory } from "./cluster-directory.ts";

/** The cluster of the API server that this worker's files have in common. */
export const useCluster = (): ClusterDirectory =>
  new ClusterDirectory(`${inject("apiServers").prefix}${process.env["VITEST_POOL_ID"] ?? "1"}`);

/** That API server. A test makes a namespace of its own there. */
export const useApiServer = (): ApiServer => new ApiServer(useCluster());
