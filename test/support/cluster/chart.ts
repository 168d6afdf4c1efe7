/** The chart as helm renders it: what tests install of the product, and whose rights they try, is in no other place. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { buildHelm, type HelmRelease } from "./helm.ts";

export const CHART = fileURLToPath(new URL("../../../charts/netbind", import.meta.url));
/** The namespace that it is rendered for, and installed in. */
export const NAMESPACE = "netbind";

/** A rule of a role. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** An object of the chart, as far as tests read it. */
export interface ChartObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly name: string };
  readonly subjects?: readonly object[];
  readonly data?: Readonly<Record<string, string>>;
}

/** Values, as a file of them has them. */
export interface ChartValues {
  readonly [name: string]: unknown;
}

const IMAGES = ["controller", "agent", "bridge", "masquerade", "passt", "slirp"] as const;

/** Images by digest, as the values have them. They are in no registry. */
export const noImages = (): ChartValues =>
  Object.fromEntries(IMAGES.map((name) => [name, { digest: `sha256:${"d".repeat(64)}` }]));

/** The values of an image of a registry, by its name with its digest. */
export function imageValues(image: string): ChartValues {
  const [, repository = "", digest = ""] = /^(.*)@(sha256:.*)$/.exec(image) ?? [];
  return { repository, digest };
}

/** Renders the chart, as text. @throws Error with what helm says of values that it refuses */
export const renderText = (values: ChartValues = {}, major: HelmRelease = 3): string =>
  runOffline(["template", "netbind", CHART, `--namespace=${NAMESPACE}`], values, major);

/** What helm says of the chart itself. @throws Error with what it objects to */
export const lintText = (values: ChartValues = {}, major: HelmRelease = 3): string =>
  runOffline(["lint", CHART, "--strict"], values, major);

function runOffline(command: readonly string[], values: ChartValues, major: HelmRelease): string {
  const args = [...command, "--values=-"];
  const input = JSON.stringify({ images: noImages(), ...values });
  return execFileSync(buildHelm(major), args, { encoding: "utf8", input, stdio: ["pipe", "pipe", "pipe"] });
}

/** The objects of a text of helm's. */
export const objectsOf = (text: string): readonly ChartObject[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as ChartObject | null)
    .filter((object) => object !== null);

/** True for an object that is there for as long as a hook runs. */
const isOfHook = ({ metadata }: ChartObject): boolean => metadata.annotations?.["helm.sh/hook"] !== undefined;

/** What an installation has, of other values. */
export const renderChart = (values?: ChartValues): readonly ChartObject[] =>
  objectsOf(renderText(values)).filter((object) => !isOfHook(object));

let rendered: readonly ChartObject[] | undefined;
const all = (): readonly ChartObject[] => (rendered ??= objectsOf(renderText()));

/** What an installation has, of the chart's own values. */
export const chart = (): readonly ChartObject[] => all().filter((object) => !isOfHook(object));

/** What hooks have beside it. */
export const hooks = (): readonly ChartObject[] => all().filter(isOfHook);

/** An object of the chart. @throws Error where it has none of that name */
export function chartObject(kind: string, name: string, objects = chart()): ChartObject {
  const found = objects.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`the chart has no ${kind} "${name}"`);
  return found;
}

/** The objects of a component: `controller` or `agent`. */
export const componentOf = (component: string, objects = chart()): readonly ChartObject[] =>
  objects.filter(({ metadata }) => metadata.labels["app.kubernetes.io/component"] === component);
