import { defined } from "@netbind/contract";
import { hasMesh } from "../nic/nic-spec.ts";
import { annotationsAtCreation } from "./pod-annotations.ts";
import {
  computeContainer,
  HOOKS_VOLUME,
  type InfoVolume,
  infoVolume,
  type PodContainer,
  type RenderInput,
  sidecarContainer,
  userSidecars,
} from "./pod-containers.ts";

/** The launcher pod of a VMI, as far as networking has a say in it: Kubernetes' own fields. */
export interface Pod {
  readonly apiVersion: "v1";
  readonly kind: "Pod";
  readonly metadata: {
    readonly generateName: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly automountServiceAccountToken: boolean;
    readonly containers: readonly PodContainer[];
    readonly volumes: readonly { readonly name: string; readonly emptyDir?: object; readonly downwardAPI?: object }[];
  };
}

/** Annotations of a VM that stay its own. */
const NOT_COPIED = [
  "kubectl.kubernetes.io",
  "kubevirt.io/storage-observed-api-version",
  "kubevirt.io/latest-observed-api-version",
] as const;
const INJECT = "sidecar.istio.io/inject";

function copiedAnnotations(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).filter(([key]) => !NOT_COPIED.some((prefix) => key.startsWith(prefix))),
  );
}

const asVolume = ({ name, file, annotation }: InfoVolume) => ({
  name,
  downwardAPI: { items: [{ path: file, fieldRef: { fieldPath: `metadata.annotations['${annotation}']` } }] },
});

/** The annotation that names masquerade's bridge to a mesh since 1.7, beside the one that always did. */
const REROUTE = "istio.io/reroute-virtual-interfaces";
const knownNeeds = ({ needs: { pod }, version }: RenderInput): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(pod.annotations ?? {}).filter(([key]) => key !== REROUTE || version >= 7));

/**
 * The launcher pod of a VMI at its creation. Sidecars of plugins come behind the ones that the VM's author asks for, in
 * the order of the plugins' names, so that their numbers are stable. Source: reference, section 1 of pod rendering.
 */
export function renderPod(input: RenderInput): Pod {
  const { vmi, configuration } = input;
  const info = infoVolume(input);
  const { name, namespace, annotations = {} } = vmi.metadata;
  const sidecars = [...userSidecars(vmi), ...input.sidecars];
  const inject = annotations[INJECT];
  const own = annotationsAtCreation(vmi, configuration);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `virt-launcher-${name}-`,
      namespace,
      labels: { "kubevirt.io": "virt-launcher", ...defined({ [INJECT]: inject }) },
      // A binding cannot change what the core sets for the pod's networks.
      annotations: { ...copiedAnnotations(annotations), ...own, ...knownNeeds(input), ...own },
    },
    spec: {
      automountServiceAccountToken: hasMesh(vmi),
      // An injector of devices looks at the first container.
      containers: [
        computeContainer(input, sidecars.length),
        ...sidecars.map((sidecar, at) => sidecarContainer(sidecar, at, input)),
      ],
      volumes: [
        ...(sidecars.length === 0 ? [] : [{ name: HOOKS_VOLUME, emptyDir: {} }]),
        ...(info === undefined ? [] : [asVolume(info)]),
      ],
    },
  };
}
