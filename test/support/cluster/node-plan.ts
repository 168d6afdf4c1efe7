/** What a node runs, and how. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CLUSTER_DNS, comma, nodeAddress, PODS, podSubnet, REGISTRY } from "./addresses.ts";
import type { Authority } from "./certificates.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";
import { PAUSE_IMAGE } from "./image-archive.ts";
import type { KubernetesRelease } from "./kubernetes.ts";
import { multusConfig, pluginsOf } from "./multus.ts";
import type { CommandLines } from "./program-set.ts";

/** What the program that runs a node is told. */
export interface NodePlan {
  readonly name: string;
  readonly commands: CommandLines;
  readonly logs: string;
  /** The directory of containerd's programs. */
  readonly containerd: string;
  /** Where containerd takes calls, in the node's mount namespace. */
  readonly socket: string;
  readonly images: readonly string[];
}

/** What a node is made from. */
export interface NodeParts {
  readonly directory: ClusterDirectory;
  readonly pki: Authority;
  readonly containerd: string;
  readonly images: readonly string[];
  readonly release: KubernetesRelease;
  readonly multus: boolean;
}

const RUNTIME = fileURLToPath(new URL("crun-without-cgroups", import.meta.url));
export const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";

export const nodeName = (node: number): string => `node${node}`;

/** CNI plugins are looked for in `plugins`. */
const containerdConfig = (work: string, plugins: string): string => `version = 2
root = "${work}/containerd"
state = "/run/containerd"
[grpc]
  address = "${CONTAINERD_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  disable_cgroup = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${plugins}"
    conf_dir = "${work}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry.mirrors."${REGISTRY}"]
    endpoint = ["http://${REGISTRY}"]
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "crun"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
        BinaryName = "${RUNTIME}"
`;

/** The pods' network of a node: both families, each pod with a default route in both. */
const podNetwork = (node: number): object => ({
  cniVersion: "1.0.0",
  name: "pods",
  type: "bridge",
  bridge: "cni0",
  isGateway: true,
  hairpinMode: true,
  ipam: {
    type: "host-local",
    dataDir: "/run/cni-ipam",
    ranges: Object.values(podSubnet(node)).map((subnet) => [{ subnet }]),
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
  },
});

/** Switches of a release's own: 1.34's kubelet ends where a pod with limits is made again, if it can resize pods. */
const featureGates = (release: KubernetesRelease): object =>
  release === "1.34" ? { featureGates: { InPlacePodVerticalScaling: false } } : {};

/** Without control groups nothing of a pod's limits can be enforced, and a pod cannot be resized. */
const kubeletConfig = (pki: Authority, name: string, release: KubernetesRelease): object => ({
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: pki.caFile },
  },
  authorization: { mode: "Webhook" },
  tlsCertFile: pki.files(`kubelet-server-${name}`).cert,
  tlsPrivateKeyFile: pki.files(`kubelet-server-${name}`).key,
  containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
  cgroupDriver: "cgroupfs",
  cgroupsPerQOS: false,
  enforceNodeAllocatable: [],
  ...featureGates(release),
  failCgroupV1: false,
  failSwapOn: false,
  makeIPTablesUtilChains: false,
  resolvConf: "",
  // No DNS server runs there: pods get names and an address to ask, as on any cluster.
  clusterDomain: "cluster.local",
  clusterDNS: [CLUSTER_DNS],
  oomScoreAdj: 0,
  healthzPort: 0,
  evictionHard: { "memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
  imageGCHighThresholdPercent: 100,
  volumePluginDir: "/run/kubelet-plugins",
});

/** Writes a node's files, and gives its plan. */
export function planNode({ directory, pki, containerd, images, multus, release }: NodeParts, node: number): NodePlan {
  const name = nodeName(node);
  const work = directory.file(name);
  for (const below of ["cni", "programs"]) mkdirSync(join(work, below), { recursive: true });
  const write = (file: string, text: string): string => {
    writeFileSync(join(work, file), text);
    return join(work, file);
  };
  const network = podNetwork(node);
  write("cni/10-pods.conf", JSON.stringify(multus ? multusConfig(directory, work, network) : network));
  const plugins = multus ? pluginsOf(directory) : "/usr/lib/cni";
  const program = (file: string): string => join(directory.programs, file);
  const own = (file: string): string => directory.file(`${file}.kubeconfig`);
  return {
    name,
    containerd,
    socket: CONTAINERD_SOCKET,
    images,
    logs: join(directory.logs, name),
    commands: {
      containerd: [
        join(containerd, "containerd"),
        ...["--config", write("containerd.toml", containerdConfig(work, plugins))],
      ],
      kubelet: [
        program("kubelet"),
        ...[`--config=${write("kubelet.json", JSON.stringify(kubeletConfig(pki, name, release)))}`],
        ...[`--kubeconfig=${own(`kubelet-${name}`)}`, `--hostname-override=${name}`, `--cert-dir=${work}`],
        ...[`--node-ip=${comma(nodeAddress(node))}`, "--root-dir=/var/lib/kubelet"],
      ],
      "kube-proxy": [
        program("kube-proxy"),
        ...[`--kubeconfig=${own("kube-proxy")}`, "--proxy-mode=nftables", `--hostname-override=${name}`],
        ...[`--cluster-cidr=${comma(PODS)}`, "--healthz-bind-address=", "--metrics-bind-address=127.0.0.1:10249"],
        // Sizes of connection tables are the machine's.
        ...["max-per-core", "tcp-timeout-established", "tcp-timeout-close-wait"].map((one) => `--conntrack-${one}=0`),
      ],
    },
  };
}
