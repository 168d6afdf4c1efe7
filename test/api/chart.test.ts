/** The chart on a real API server: all of its objects are taken, and the controller's pod by the strictest Pod Security Standard. */
import { expect, test } from "vitest";
import { readOptions } from "../../core/controller/src/controller-options.ts";
import { chart, chartObject, type ChartObject, hooks } from "../support/cluster/chart.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

interface Workload extends ChartObject {
  readonly spec: {
    readonly selector: object;
    readonly ports: readonly { readonly targetPort: string }[];
    readonly template: { readonly metadata: object; readonly spec: Pod };
  };
}
interface Pod {
  readonly serviceAccountName: string;
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  }[];
}

const workload = (kind: string, name = "netbind-controller"): Workload => chartObject(kind, name) as Workload;

test("its objects are taken as they are, each field of them", async () => {
  const api = useApiServer();
  await using namespace = await api.makeNamespace();
  // A dry run makes neither namespaces nor the accounts that pods are checked for.
  await api.asServiceAccount(namespace.name, "netbind-controller");
  const objects = [...chart(), ...hooks()].map((object) =>
    object.metadata.namespace === undefined
      ? object
      : { ...object, metadata: { ...object.metadata, namespace: namespace.name } },
  );
  const create = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"];
  const said = await api.kubectl(create, { apiVersion: "v1", kind: "List", items: objects });
  expect(said.match(/\(server dry run\)/g)).toHaveLength(objects.length);
});

test("the controller's pod is within the Pod Security Standard restricted", async () => {
  const api = useApiServer();
  await using namespace = await api.makeNamespace();
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await api.request({ method: "PATCH", path: `/api/v1/namespaces/${namespace.name}`, body: { metadata: { labels } } });
  const { spec } = workload("Deployment").spec.template;
  const path = `/api/v1/namespaces/${namespace.name}/pods?dryRun=All`;
  // The account is another namespace's, and pods of tests are scheduled nowhere.
  const body = { metadata: { name: "pod" }, spec: { ...spec, serviceAccountName: "default" } };
  await expect(api.request({ method: "POST", path, body })).resolves.toBeDefined();
  const [container] = spec.containers;
  const privileged = { ...body.spec, containers: [{ ...container, securityContext: { privileged: true } }] };
  const loose = { ...body, spec: privileged };
  await expect(api.request({ method: "POST", path, body: loose })).rejects.toThrow("violates PodSecurity");
});

test("the controller's arguments are a command line of its own, and the Service leads to its webhooks", () => {
  const [container] = workload("Deployment").spec.template.spec.containers;
  const options = readOptions(container?.args ?? []);
  if ("problem" in options) throw new Error(options.problem);
  const service = workload("Service", options["webhook-service"]);
  const ports = new Map(container?.ports.map(({ name, containerPort }) => [name, containerPort]));
  expect(ports.get(service.spec.ports[0]?.targetPort ?? "")).toBe(options.webhooks?.port);
  expect(ports.get("status")).toBe(options.listen?.port);
  const selectors = [service.spec.selector, workload("PodDisruptionBudget").spec.selector];
  expect(selectors).toEqual([{ app: "netbind-controller" }, { matchLabels: { app: "netbind-controller" } }]);
});
