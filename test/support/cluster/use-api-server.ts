import { inject } from "vitest";
import "./api-setup.ts";
import { ApiServer } from "./api-server.ts";
import { ClusterDirectory } from "./cluster-directory.ts";

/** The API server that the tier `api` has in common. A test makes a namespace of its own there. */
export const useApiServer = (): ApiServer => new ApiServer(new ClusterDirectory(inject("cluster")));

/** The cluster of that server. */
export const useCluster = (): ClusterDirectory => new ClusterDirectory(inject("cluster"));
