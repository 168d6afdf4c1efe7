import { bootstrap, buildSidecars } from "./bootstrap.mjs";
import { runSource } from "./spawn-last.mjs";
import { ensureSystemPackages } from "./system-packages.mjs";

/** Commands that start, stop or look at VMs of this machine. */
const OF_MACHINE = ["run", "stop", "gc", "status", "check", "apply", "attach-nic", "detach-nic", "link"];
const OF_CLUSTER = /^(--cluster|--context|--kubeconfig|-A|--all-namespaces|-n|--namespace)(=|$)/;

/** Runs the `netbind` command of this checkout. `isOfKubectl`: `status` is that of a cluster. */
export function runNetbind(main, isOfKubectl) {
  const args = process.argv.slice(2);
  bootstrap();
  const isOfCluster = args[0] === "status" && (isOfKubectl || args.some((arg) => OF_CLUSTER.test(arg)));
  // What starts, stops or looks at VMs needs the machine's programs; what only reads and prints needs none.
  if (OF_MACHINE.includes(args[0]) && !isOfCluster && !args.includes("--help") && !args.includes("-h"))
    ensureSystemPackages(
      args[0] === "run" && / --sidecars[ =]image( |$)/.test(` ${args.join(" ")}`) ? ["containers"] : [],
    );
  if (args[0] === "run") buildSidecars();
  runSource(main, args);
}
