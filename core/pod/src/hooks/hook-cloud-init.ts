import { isDeepStrictEqual } from "node:util";
import type { CloudInitPayload } from "@netbind/remote/sidecar";
import { SAME_RUNTIME } from "./hook-domain.ts";
import { changedCloudInit, unreadableCloudInit } from "../errors.ts";

/** KubeVirt's JSON of cloud-init data, as far as the launcher itself reads it. */
export interface HookedCloudInit {
  readonly UserData: string;
  readonly NetworkData: string;
  readonly NoCloudMetaData?: object;
  readonly ConfigDriveMetaData?: object;
}

/** The new field where it holds user data and one kind of meta data, else the old one over what was sent. */
export function readAnswer<T extends HookedCloudInit>(
  sent: T,
  { cloudInitData, cloudInitNoCloudSource }: CloudInitPayload,
): T {
  const parse = (bytes: Uint8Array): Record<string, unknown> | undefined => {
    try {
      return JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>;
    } catch {
      return undefined;
    }
  };
  const answered = parse(cloudInitData) as Partial<HookedCloudInit> | undefined;
  const kinds = [answered?.NoCloudMetaData, answered?.ConfigDriveMetaData].filter(
    (kind) => kind !== undefined && kind !== null,
  );
  if (answered?.UserData && kinds.length === 1) return answered as T;
  const old = parse(cloudInitNoCloudSource);
  if (old === undefined) throw unreadableCloudInit();
  return { ...sent, UserData: String(old["userData"] ?? ""), NetworkData: String(old["networkData"] ?? "") };
}

/** Cloud-init's data is its author's: no plan of a NIC changes what a guest runs. @throws BindingError where a sidecar did */
export function unchangedCloudInit<T extends HookedCloudInit>(sent: T, answered: T | undefined): T {
  if (answered === undefined || isDeepStrictEqual(sent, answered)) return sent;
  throw changedCloudInit(SAME_RUNTIME);
}
