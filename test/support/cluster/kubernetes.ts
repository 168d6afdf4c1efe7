/** Kubernetes' own programs, of the releases that the test cluster runs. */
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import table from "../../go/kube-programs/releases.json" with { type: "json" };
import { buildGoTool } from "../build/go-tools.ts";

/** A release, and the files of test/go/kube-programs that name its modules. */
interface Release {
  readonly version: string;
  readonly modules: string;
}

/**
 * By minor version, from the oldest to the newest one of KubeVirt 1.6 to 1.9 that can be built here. A further one is a
 * file of modules and a line in `releases.json`, which the runner of the tests reads too.
 */
const RELEASES = table.releases satisfies Readonly<Record<string, Release>>;

/** A release of Kubernetes that can be built here. */
export type KubernetesRelease = keyof typeof RELEASES;

export const KUBERNETES_RELEASES = Object.keys(RELEASES) as readonly KubernetesRelease[];
export const isRelease = (text: string): text is KubernetesRelease => KUBERNETES_RELEASES.some((one) => one === text);

/** Names the release that clusters run where none is asked for. */
const VARIABLE = "NETBIND_KUBERNETES";

/** The release of the tests' clusters, and of those that name none. @throws Error where the environment names none that is built here */
export function defaultRelease(env: NodeJS.ProcessEnv = process.env): KubernetesRelease {
  const release = env[VARIABLE] || table.default;
  if (isRelease(release)) return release;
  throw new Error(`${VARIABLE} is ${JSON.stringify(release)}: set it to one of ${KUBERNETES_RELEASES.join(", ")}`);
}

const PROGRAMS = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
  "kubectl",
] as const;

/** What a Kubernetes program says of itself: without it the server calls itself v0.0.0. */
function linkFlags(release: KubernetesRelease): string {
  const at = (name: string, value: string): string => `-X k8s.io/component-base/version.${name}=${value}`;
  const [major = "", minor = ""] = release.split(".");
  const { version } = RELEASES[release];
  return ["-s", "-w", at("gitVersion", version), at("gitMajor", major), at("gitMinor", minor)]
    .concat(at("gitTreeState", "clean"), at("buildDate", "1970-01-01T00:00:00Z"))
    .join(" ");
}

/** Builds a release's programs, as one file, where they are not yet there. Gives its path. */
function buildRelease(release: KubernetesRelease): string {
  const { version, modules }: Release = RELEASES[release];
  const started = performance.now();
  let wasBuilt = false;
  const onBuild = (): void => {
    wasBuilt = true;
    console.error(
      `netbind: building Kubernetes ${version} from its Go modules: once, about five minutes of two processors`,
    );
  };
  const built = buildGoTool("kube-programs", {
    files: ["main.go", `${modules}.mod`, `${modules}.sum`],
    options: [`-modfile=${modules}.mod`, "-ldflags", linkFlags(release)],
    // Minutes of all processors: whatever else runs goes first.
    prefix: ["nice", "-n", "10"],
    onBuild,
  });
  if (wasBuilt)
    console.error(`netbind: built Kubernetes ${version} in ${Math.round((performance.now() - started) / 1000)} s`);
  return built;
}

/** Fills a directory with a release's programs, each by its name. */
export function linkKubernetes(release: KubernetesRelease, directory: string): void {
  const program = buildRelease(release);
  mkdirSync(directory, { recursive: true });
  for (const name of PROGRAMS) {
    rmSync(join(directory, name), { force: true });
    symlinkSync(program, join(directory, name));
  }
}
