import { basename } from "node:path";
import { checkGrants } from "@netbind/engine";
import { isNumber, isObject, isText, listOf, mapOf, optional, shape } from "@netbind/contract/shape";
import { POD_RECORD_FIELDS, type RecordFields, VM_UIDS } from "@netbind/pod";

const isBundleSpec = shape({
  container: isText,
  node: isText,
  bundle: isText,
  start: optional(shape({ options: listOf(isText), environment: mapOf(isText) })),
});
const isImageSpec = shape({
  container: isText,
  image: isText,
  base: (base) => /^sidecar-[0-9a-f]{16}$/.test(String(base)),
  command: shape({ args: listOf(isText), env: listOf(isText), cwd: isText }),
});

const FIELDS: RecordFields = {
  ...POD_RECORD_FIELDS,
  namespace: isText,
  name: isText,
  uid: isText,
  // A user who can change it must not become root by it.
  vmUid: optional(
    (uid) => Number.isInteger(uid) && Number(uid) >= VM_UIDS.first && Number(uid) < VM_UIDS.first + VM_UIDS.count,
  ),
  source: isText,
  createdAt: isText,
  phase: (phase) => phase === "starting" || phase === "running" || phase === "stopping",
  vmi: shape({
    metadata: shape({ name: isText, namespace: isText }),
    spec: shape({
      domain: shape({ devices: shape({ interfaces: optional(listOf(shape({ name: isText }))) }) }),
      networks: optional(listOf(isObject)),
    }),
  }),
  netns: isText,
  writable: optional(shape({ bytes: isNumber, inodes: isNumber })),
  attachments: listOf(
    shape({
      network: isText,
      ifname: isText,
      containerId: isText,
      config: shape({ plugins: listOf(shape({ type: isText })) }),
      args: optional(mapOf(isText)),
      mac: optional(isText),
      cniArgs: optional(mapOf(isText)),
      device: optional(shape({ resource: isText, id: isText, facts: optional(mapOf(isText)) })),
      nodes: optional(listOf(shape({ path: isText, major: isNumber, minor: isNumber }))),
    }),
  ),
  sidecars: optional(mapOf((spec) => isBundleSpec(spec) || isImageSpec(spec))),
  hostDisks: optional(
    listOf(
      shape({
        volume: isNumber,
        directory: isText,
        components: listOf(
          (name) => isText(name) && !["", ".", ".."].includes(String(name)) && !/[/\0]/.test(String(name)),
        ),
        inode: isText,
        before: optional((before) => /^[r-][w-][x-]$/.test(String(before))),
      }),
    ),
  ),
  containerDisks: optional(
    listOf(
      shape({
        volume: isNumber,
        base: (base) => /^disk-[0-9a-f]{16}$/.test(String(base)),
        format: (format) => format === "raw" || format === "qcow2",
      }),
    ),
  ),
  domainXml: optional(isText),
  launcher: optional(shape({ directory: isText, rootfs: isText })),
  changing: optional(shape({ nic: isText, change: (change) => change === "attach" || change === "detach" })),
  resolved: optional(listOf(shape({ name: isText, image: optional(isText) }))),
  registered: optional(mapOf(isObject)),
  grants: optional((grants) => checkGrants(grants).length === 0),
  migration: optional(shape({ source: isText, refresh: listOf(isText) })),
};

/** What every record in a pod's directory has: the record of another pod is not this one's. */
export const recordFieldsIn = (directory: string): RecordFields => ({
  ...FIELDS,
  id: (id) => id === basename(directory),
});
