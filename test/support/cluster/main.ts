/** `npm run cluster`: Kubernetes on this machine, for tests and for those who write them. */
import { parseArgs } from "node:util";
import { downCluster, upCluster } from "./cluster.ts";
import { ClusterDirectory } from "./cluster-directory.ts";
import { defaultRelease, isRelease, KUBERNETES_RELEASES } from "./kubernetes.ts";

const USAGE = `usage: npm run cluster -- up [--name NAME] [--nodes N] [--kubernetes RELEASE]
       npm run cluster -- down [--name NAME]
       npm run cluster -- status

Run Kubernetes on this machine, in namespaces of its own: a control plane, and nodes on which pods run. It touches
none of the machine's control groups, settings and networks; the API server is reached at a port of the loopback.

  --name NAME           of the cluster: several run beside each other (test)
  --nodes N             with a kubelet and containerd; without any the API server is all that runs (1)
  --kubernetes RELEASE  ${KUBERNETES_RELEASES.join(", ")} (what NETBIND_KUBERNETES says; 1.34)

"up" prints the line that tells kubectl of it; a cluster that is up stays as it is. "down" leaves nothing of it.
`;
const OPTIONS = {
  name: { type: "string", default: "test" },
  nodes: { type: "string", default: "1" },
  kubernetes: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

function printStatus(): void {
  const lines = ClusterDirectory.list().map((name) => {
    const directory = new ClusterDirectory(name);
    const record = directory.running();
    return record === undefined
      ? `${name}  ended; take it down`
      : `${name}  up  Kubernetes ${record.release}  ${record.nodes} nodes  ${record.server}  KUBECONFIG=${directory.kubeconfig}`;
  });
  console.log(lines.length === 0 ? "no cluster is up" : lines.join("\n"));
}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  const [command, ...more] = positionals;
  if (values.help || more.length > 0 || command === undefined) {
    (values.help ? process.stdout : process.stderr).write(USAGE);
    return values.help ? 0 : 2;
  }
  const { kubernetes: release = defaultRelease(), name } = values;
  if (!isRelease(release))
    throw new Error(`Kubernetes ${release} is not a release that is built here: ${KUBERNETES_RELEASES.join(", ")}`);
  if (!/^[0-9]$/.test(values.nodes)) throw new Error(`"${values.nodes}" is not a number of nodes: use 0 to 9`);
  const directory = new ClusterDirectory(name);
  switch (command) {
    case "up":
      await upCluster(directory, { release, nodes: Number(values.nodes) });
      console.log(`export KUBECONFIG=${directory.kubeconfig} PATH=${directory.programs}:$PATH`);
      return 0;
    case "down":
      await downCluster(directory);
      return 0;
    case "status":
      printStatus();
      return 0;
    default:
      process.stderr.write(USAGE);
      return 2;
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`netbind: ${(error as Error).message}`);
  process.exitCode = 1;
}
