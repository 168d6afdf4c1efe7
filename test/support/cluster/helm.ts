/** helm, of the releases that the chart is installed with: built out of its Go modules, once for each version. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { buildGoTool } from "../build/go-tools.ts";
import type { ApiServer } from "./api-server.ts";

const release = (major: number, version: string): string =>
  `-X helm.sh/helm/v${major}/internal/version.version=${version}`;
/** Out of its modules helm 3 takes a cluster that it does not ask for v1.20. */
const kubernetes = (folder: string): string =>
  `-X helm.sh/helm/v3/pkg/${folder}.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/${folder}.k8sVersionMinor=34`;

const LINK_FLAGS = {
  3: [release(3, "v3.22.0"), kubernetes("chartutil"), kubernetes("lint/rules")],
  4: [release(4, "v4.3.1")],
} as const;

/** A major version of helm. */
export type HelmRelease = keyof typeof LINK_FLAGS;

/** Builds helm where it is not there yet. Gives its path. */
export function buildHelm(major: HelmRelease): string {
  return buildGoTool(`helm${major}`, {
    program: `helm.sh/helm/v${major}/cmd/helm`,
    options: ["-ldflags", ["-s", "-w", ...LINK_FLAGS[major]].join(" ")],
    prefix: ["nice", "-n", "10"],
    onBuild: () =>
      console.error(`netbind: building helm ${major} from its Go modules: once, about two minutes of a processor`),
  });
}

const TIMEOUT = "--timeout=4m";

/** helm on a cluster, with a release of the chart. */
export class Helm {
  readonly #program: string;
  readonly #place: readonly string[];

  constructor(api: ApiServer, major: HelmRelease, namespace = "netbind") {
    this.#program = buildHelm(major);
    this.#place = [`--namespace=${namespace}`, `--kubeconfig=${api.kubeconfig}`];
  }

  /** Runs a command to its end. Gives all that it prints. @throws Error with that */
  async run(args: readonly string[], values?: object): Promise<string> {
    const given = values === undefined ? [] : ["--values=-"];
    const running = promisify(execFile)(this.#program, [...args, ...this.#place, ...given], { encoding: "utf8" });
    running.child.stdin?.end(values === undefined ? "" : JSON.stringify(values));
    const { stdout, stderr } = await running.catch((error: Error & { stdout: string }) => {
      throw new Error(`${error.message}\n${error.stdout}`);
    });
    return stdout + stderr;
  }

  /** `install`, `upgrade`: waits until all runs. */
  put(verb: "install" | "upgrade", chart: string, values: object): Promise<string> {
    return this.run([verb, "netbind", chart, "--wait", TIMEOUT], values);
  }
}
