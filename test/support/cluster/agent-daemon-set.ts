/** The node agent as a DaemonSet, with objects from files. */
const OBJECTS = "/run/netbind-objects";
const STATE = "/run/netbind-agent";
const KUBELET = "/var/lib/kubelet";
const NAMESPACE = "netbind";

export { OBJECTS as AGENT_OBJECTS, STATE as AGENT_STATE, NAMESPACE as AGENT_NAMESPACE };

/** Its objects: its namespace takes privileged pods, which nothing else's should. */
export function agentDaemonSet(image: string): readonly object[] {
  const labels = { app: "netbind-agent" };
  const directories = { kubelet: KUBELET, state: STATE, objects: OBJECTS };
  const container = {
    name: "agent",
    image,
    args: ["--node", "$(NODE)", "--objects", OBJECTS, "--state", STATE],
    env: [{ name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
    // It enters the pods' network namespaces and makes links there.
    securityContext: { privileged: true },
    volumeMounts: Object.entries(directories).map(([name, mountPath]) => ({
      ...{ name, mountPath },
      ...(name === "kubelet" ? { mountPropagation: "HostToContainer" } : {}),
    })),
  };
  const volumes = Object.entries(directories).map(([name, path]) => ({
    name,
    hostPath: { path, type: "DirectoryOrCreate" },
  }));
  const privileged = { "pod-security.kubernetes.io/enforce": "privileged" };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels: privileged } },
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "agent", namespace: NAMESPACE },
      spec: {
        selector: { matchLabels: labels },
        // The node's processes show which network namespace is a pod's.
        template: { metadata: { labels }, spec: { hostPID: true, containers: [container], volumes } },
      },
    },
  ];
}
