/** What the chart runs, of objects as helm renders them. */
import { chartObject, type ChartObject } from "./chart.ts";

/** A container of a pod, as far as tests read it. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string }[];
  readonly resources: object;
  readonly securityContext: Readonly<Record<string, unknown>>;
}
/** A pod. */
export interface PodSpec {
  readonly [field: string]: unknown;
  readonly containers: readonly Container[];
}
/** What makes pods. */
export interface Workload extends ChartObject {
  readonly spec: {
    readonly [field: string]: unknown;
    readonly template: { readonly metadata: object; readonly spec: PodSpec };
  };
}

export const controllerOf = (objects: readonly ChartObject[]): Workload =>
  chartObject("Deployment", "netbind-controller", objects) as Workload;
export const agentOf = (objects: readonly ChartObject[]): Workload =>
  chartObject("DaemonSet", "netbind-agent", objects) as Workload;
export const containerOf = ({ spec }: Workload, name: string): Container =>
  spec.template.spec.containers.find((one) => one.name === name) as Container;
/** The specs of the NetworkBindings that a hook makes, by name. */
export const bindingsOf = (objects: readonly ChartObject[]): Readonly<Record<string, object>> =>
  JSON.parse(chartObject("ConfigMap", "netbind-bindings", objects).data?.["bindings.json"] ?? "") as Record<
    string,
    object
  >;
