/** The controller's manifests on a real API server: all are taken, and its pods by the strictest Pod Security Standard. */
import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { readOptions } from "../../core/controller/src/controller-options.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const FOLDER = new URL("../../core/controller/manifests/", import.meta.url);

interface Item {
  readonly kind: string;
  readonly metadata: { readonly name: string };
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

const read = (name: string): string => readFileSync(new URL(name, FOLDER), "utf8");
const { items } = JSON.parse(read("deployment.json").replace("IMAGE", "localhost/none")) as {
  readonly items: readonly Item[];
};
const itemOf = (kind: string): Item => items.find((item) => item.kind === kind) as Item;

test.each(readdirSync(FOLDER))("%s is taken as it is, each field of it", async (name) => {
  const api = useApiServer();
  // A dry run makes no namespaces.
  const inThere = read(name).replaceAll('"namespace": "netbind"', '"namespace": "default"');
  const text = inThere
    .replaceAll('"namespace": "kubevirt"', '"namespace": "default"')
    .replace("IMAGE", "localhost/none");
  const create = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"];
  expect(await api.kubectl(create, text)).toContain("(server dry run)");
});

test("its pod is within the Pod Security Standard restricted", async () => {
  const api = useApiServer();
  await using namespace = await api.makeNamespace();
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await api.request({ method: "PATCH", path: `/api/v1/namespaces/${namespace.name}`, body: { metadata: { labels } } });
  const { spec } = itemOf("Deployment").spec.template;
  const path = `/api/v1/namespaces/${namespace.name}/pods?dryRun=All`;
  // The account is another namespace's, and pods of tests are scheduled nowhere.
  const body = { metadata: { name: "pod" }, spec: { ...spec, serviceAccountName: "default" } };
  await expect(api.request({ method: "POST", path, body })).resolves.toBeDefined();
  const [container] = spec.containers;
  const privileged = { ...body.spec, containers: [{ ...container, securityContext: { privileged: true } }] };
  const loose = { ...body, spec: privileged };
  await expect(api.request({ method: "POST", path, body: loose })).rejects.toThrow("violates PodSecurity");
});

test("its arguments are a command line of the controller's, and the Service leads to its webhooks", () => {
  const [container] = itemOf("Deployment").spec.template.spec.containers;
  const options = readOptions(container?.args ?? []);
  if ("problem" in options) throw new Error(options.problem);
  expect(options["webhook-service"]).toBe(itemOf("Service").metadata.name);
  const ports = new Map(container?.ports.map(({ name, containerPort }) => [name, containerPort]));
  expect(ports.get(itemOf("Service").spec.ports[0]?.targetPort ?? "")).toBe(options.webhooks?.port);
  expect(ports.get("status")).toBe(options.listen?.port);
  const selectors = [itemOf("Service").spec.selector, itemOf("PodDisruptionBudget").spec.selector];
  expect(selectors).toEqual([{ app: "netbind-controller" }, { matchLabels: { app: "netbind-controller" } }]);
});
