/** The chart's values: each does what its line says. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { readOptions as readAgentOptions } from "../../core/agent/src/agent-options.ts";
import { readOptions } from "../../core/controller/src/controller-options.ts";
import { readImages } from "../../core/controller/src/read-images.ts";
import { chartValues, type ImageEntry } from "../../tools/images/table.ts";
import { buildGoTool } from "../support/build/go-tools.ts";
import {
  chartObject,
  type ChartObject,
  type ChartValues,
  lintText,
  noImages,
  objectsOf,
  renderChart,
  renderText,
} from "../support/cluster/chart.ts";
import {
  applyNetworkBindingCrd,
  NETWORK_BINDINGS_PATH,
  networkBinding,
} from "../support/cluster/network-binding-crd.ts";
import { agentOf, bindingsOf, containerOf, controllerOf } from "../support/cluster/chart-workloads.ts";
import { applyOperatorCrds } from "../support/cluster/operator-crds.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

const DIGEST = `sha256:${"e".repeat(64)}`;

interface Monitor {
  readonly selector: { readonly matchLabels: object };
  readonly podMetricsEndpoints: readonly { readonly port: string }[];
}

test("images are named by registry, tag and digest, and the controller reads those of the bindings", () => {
  const digest = DIGEST;
  const objects = renderChart({
    global: { imageRegistry: "registry.example:5000/mirror", imagePullSecrets: [{ name: "pull" }] },
    images: { ...noImages(), controller: { tag: "1.0" }, passt: { tag: "1.0", digest } },
  });
  const [controller, agent] = [controllerOf(objects), agentOf(objects)];
  expect(containerOf(controller, "controller").image).toBe("registry.example:5000/mirror/netbind/controller:1.0");
  expect(containerOf(agent, "agent").image).toMatch(/^registry\.example:5000\/mirror\/netbind\/agent@sha256:d+$/);
  for (const { spec } of [controller, agent])
    expect(spec.template.spec["imagePullSecrets"]).toEqual([{ name: "pull" }]);
  const table = chartObject("ConfigMap", "netbind-images", objects).data?.["images.json"] ?? "";
  const images = readImages("images.json", () => table);
  expect(images["passt"]).toEqual({ image: "registry.example:5000/mirror/netbind/passt:1.0", digest });
  expect(Object.keys(images).sort()).toEqual(["bridge", "masquerade", "passt", "slirp"]);
});

test("helm has nothing against the chart", () => {
  expect(lintText()).toContain("1 chart(s) linted, 0 chart(s) failed");
});

test("the values that a build of images writes are the chart's, and name its images", () => {
  const names = ["agent", "bridge", "controller", "launcher", "macvtap", "masquerade", "passt", "slirp", "sriov"];
  const entry = (name: string): ImageEntry => ({ image: `netbind/${name}:1.2`, digest: DIGEST, platforms: {} });
  const table = Object.fromEntries(names.map((name) => [name, entry(name)]));
  const known = Object.keys(noImages());
  const agent = containerOf(agentOf(renderChart(chartValues(table, known) as ChartValues)), "agent");
  expect(agent.image).toBe(`netbind/agent:1.2@${DIGEST}`);
});

test("values of pods are those of pods", () => {
  const pods = {
    resources: { requests: { cpu: "1" }, limits: { memory: "1Gi" } },
    priorityClassName: "high",
    nodeSelector: { a: "b" },
    tolerations: [{ key: "c", operator: "Exists" }],
    podAnnotations: { "d/e": "f" },
    podLabels: { g: "h" },
  };
  const affinity = { nodeAffinity: {} };
  const objects = renderChart({
    controller: { ...pods, replicas: 3, affinity, podDisruptionBudget: { minAvailable: 2 } },
    agent: { ...pods, updateStrategy: { type: "OnDelete", rollingUpdate: null } },
  });
  const [controller, agent] = [controllerOf(objects), agentOf(objects)];
  for (const [{ spec }, name] of [
    [controller, "controller"],
    [agent, "agent"],
  ] as const) {
    const { template } = spec;
    expect(template.metadata).toMatchObject({ annotations: pods.podAnnotations, labels: pods.podLabels });
    const { priorityClassName, tolerations } = pods;
    expect(template.spec).toMatchObject({ priorityClassName, tolerations });
    expect(template.spec["nodeSelector"]).toMatchObject({ a: "b" });
    expect(template.spec.containers.find((one) => one.name === name)?.resources).toMatchObject(pods.resources);
  }
  expect([controller.spec["replicas"], controller.spec.template.spec["affinity"]]).toEqual([3, affinity]);
  expect(chartObject("PodDisruptionBudget", "netbind-controller", objects)).toMatchObject({
    spec: { minAvailable: 2 },
  });
  expect(agent.spec["updateStrategy"]).toEqual({ type: "OnDelete" });
});

test("namespaces, accounts, log level and profiles reach the programs", () => {
  const objects = renderChart({
    kubevirt: { namespace: "virt", virtController: "system:serviceaccount:virt:another" },
    controller: { logLevel: "warn" },
    agent: { seLinuxOptions: { type: "spc_t" }, appArmorProfile: { type: "Unconfined" } },
  });
  expect(readOptions(containerOf(controllerOf(objects), "controller").args)).toMatchObject({
    ...{ namespace: "netbind", "kubevirt-namespace": "virt", "log-level": "warn" },
    "virt-controller": "system:serviceaccount:virt:another",
  });
  expect(chartObject("Role", "netbind-registrations", objects).metadata.namespace).toBe("virt");
  expect(containerOf(agentOf(objects), "agent").securityContext).toMatchObject({
    ...{ seLinuxOptions: { type: "spc_t" }, appArmorProfile: { type: "Unconfined" } },
  });
});

test("plugins become NetworkBindings, as far as they are enabled", () => {
  const registration = { migration: {}, computeResourceOverhead: { requests: { memory: "1Gi" } } };
  const grants = { capabilities: ["NET_RAW"] };
  const passt = { image: "registry.example/passt:2", fallback: "Never", registration, grants };
  const off = { enabled: false };
  const values = { passt, bridge: off, macvtap: off, sriov: off, masquerade: off };
  // What is not enabled needs no image.
  const images = { ...noImages(), bridge: {}, passt: {} };
  expect(bindingsOf(renderChart({ images, plugins: values }))).toEqual({ passt, slirp: { fallback: "Always" } });
});

test("every NetworkBinding that the schema of values takes, the API takes", async () => {
  const api = useApiServer();
  await applyNetworkBindingCrd(api);
  const registration = {
    ...{ domainAttachmentType: "tap", migration: { method: "link-refresh" }, downwardAPI: "device-info" },
    ...{ networkAttachmentDefinition: "default/net", computeResourceOverhead: { requests: { memory: "1Gi" } } },
  };
  const lists = { linkKinds: ["tap"], serviceKinds: ["ra"], domainKinds: ["vdpa"] };
  const needs = { capabilities: ["NET_RAW"], devices: ["example.com/nic"], annotations: ["example.com/asked"] };
  const grants = { ...lists, sysctls: ["net.ipv4.ip_forward"], ...needs };
  const passt = { image: `registry.example/passt:2@sha256:${"a".repeat(64)}`, registration, grants };
  for (const [name, spec] of Object.entries(bindingsOf(renderChart({ plugins: { passt } }))))
    await api.request({
      method: "POST",
      path: `${NETWORK_BINDINGS_PATH}?dryRun=All&fieldValidation=Strict`,
      body: networkBinding(name, spec),
    });
});

test("a third-party binding runs beside controller and agent, each with its own directory of one volume", async () => {
  const red = { image: "registry.example/red:1", user: 65_600, resources: { limits: { memory: "64Mi" } }, grants: {} };
  const registration = { domainAttachmentType: "tap" };
  const objects = renderChart({ thirdParty: { red: { ...red, registration } } });
  expect(bindingsOf(objects)["red"]).toEqual({ image: red.image, fallback: "Never", registration });
  const [controller, agent] = [controllerOf(objects), agentOf(objects)];
  const options = readOptions(containerOf(controller, "controller").args);
  const agentOptions = readAgentOptions(containerOf(agent, "agent").args.map((arg) => arg.replace("$(NODE)", "node")));
  expect(options).toMatchObject({ bindings: "/run/netbind-bindings" });
  expect(agentOptions).toMatchObject({
    sockets: { directory: "/run/netbind-bindings", users: new Map([["red", 65_600]]) },
  });
  for (const workload of [controller, agent])
    expect(containerOf(workload, "binding-red")).toMatchObject({
      ...{ image: red.image, args: ["binding", "/run/netbind-binding/binding.sock"], resources: red.resources },
      volumeMounts: [{ name: "bindings", mountPath: "/run/netbind-binding", subPath: "red" }],
      securityContext: { runAsNonRoot: true, capabilities: { drop: ["ALL"] } },
    });
  expect(containerOf(agent, "binding-red").securityContext["runAsUser"]).toBe(65_600);
});

test("certManager: the certificate is cert-manager's, and the controller writes no Secret", () => {
  const given = { kind: "ClusterIssuer", name: "corporate" };
  const [own, others] = [{}, given].map((issuerRef) => renderChart({ certManager: { enabled: true, issuerRef } }));
  const kinds = (objects: readonly ChartObject[] = []): readonly string[] =>
    objects.filter(({ apiVersion }) => apiVersion === "cert-manager.io/v1").map(({ kind }) => kind);
  expect([...kinds(own)].sort()).toEqual(["Certificate", "Certificate", "Issuer", "Issuer"]);
  expect(kinds(others)).toEqual(["Certificate"]);
  const certificate = chartObject("Certificate", "netbind-webhooks", others) as ChartObject & { readonly spec: object };
  const secretName = "netbind-webhooks-certificate";
  expect(certificate.spec).toMatchObject({ secretName, issuerRef: given });
  const options = readOptions(containerOf(controllerOf(own ?? []), "controller").args);
  expect(options).toMatchObject({ "certificate-secret": secretName });
  const secrets = chartObject("Role", "netbind-controller", own).rules?.filter(
    ({ resources }) => resources[0] === "secrets",
  );
  expect(secrets).toEqual([
    { apiGroups: [""], resources: ["secrets"], resourceNames: [secretName], verbs: ["list", "watch"] },
  ]);
});

interface Rules {
  readonly spec: { readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[] };
}

test("alerts are expressions that Prometheus takes, over metrics that the programs have", () => {
  const labels = { release: "prometheus" };
  const objects = renderChart({ monitoring: { alerts: { enabled: true, labels }, podMonitors: { enabled: false } } });
  const alerts = chartObject("PrometheusRule", "netbind", objects) as ChartObject & Rules;
  expect(alerts.metadata.labels).toMatchObject(labels);
  const expressions = alerts.spec.groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
  expect(expressions).toHaveLength(3);
  const check = (input: string): string => execFileSync(buildGoTool("promql-check"), { input, encoding: "utf8" });
  expect(check(expressions.join("\n"))).toBe("");
  expect(() => check("sum(")).toThrow();
  const named = expressions.flatMap((one) => one.match(/netbind_\w+/g) ?? []);
  const sources = ["controller/src/controller-metrics.ts", "agent/src/agent-metrics.ts"].map((file) =>
    readFileSync(new URL(`../../core/${file}`, import.meta.url), "utf8"),
  );
  for (const name of named) expect(sources.join("\n")).toContain(`"${name}"`);
  expect(objects.filter(({ kind }) => kind === "PodMonitor")).toEqual([]);
});

test("uninstall.force reaches the hook", () => {
  const hook = (values: ChartValues): string =>
    stringify(
      objectsOf(renderText(values)).find(
        ({ kind, metadata }) => kind === "Job" && metadata.name === "netbind-uninstall",
      ),
    );
  expect([hook({}).includes("--force"), hook({ uninstall: { force: true } }).includes("--force")]).toEqual([
    false,
    true,
  ]);
});

test("with all values its objects are taken, each field of them, by the API and by what cert-manager and Prometheus define", async () => {
  const api = useApiServer();
  await applyOperatorCrds(api);
  await using namespace = await api.makeNamespace();
  const labels = { release: "prometheus" };
  const objects = renderChart({
    global: { imagePullSecrets: [{ name: "pull" }] },
    thirdParty: { red: { image: "registry.example/red:1", user: 65_600 } },
    certManager: { enabled: true },
    monitoring: { podMonitors: { enabled: true, labels }, alerts: { enabled: true, labels } },
    agent: { seLinuxOptions: { type: "spc_t" }, appArmorProfile: { type: "Unconfined" } },
  }).map((object) =>
    object.metadata.namespace === undefined
      ? object
      : { ...object, metadata: { ...object.metadata, namespace: namespace.name } },
  );
  const create = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"];
  const said = await api.kubectl(create, { apiVersion: "v1", kind: "List", items: objects });
  expect(said.match(/\(server dry run\)/g)).toHaveLength(objects.length);
  for (const kind of ["certificate", "issuer", "podmonitor", "prometheusrule"]) expect(said).toContain(`${kind}.`);
  // What a monitor scrapes is a port of the pods that it selects.
  for (const [component, workload] of [
    ["controller", controllerOf(objects)],
    ["agent", agentOf(objects)],
  ] as const) {
    const { spec } = chartObject("PodMonitor", `netbind-${component}`, objects) as ChartObject & {
      readonly spec: Monitor;
    };
    expect(workload.spec.template.metadata).toMatchObject({ labels: spec.selector.matchLabels });
    const ports = containerOf(workload, component).ports.map(({ name }) => name);
    expect(ports).toContain(spec.podMetricsEndpoints[0]?.port);
  }
  const monitor = objects.find(({ kind, metadata }) => kind === "PodMonitor" && metadata.name === "netbind-agent");
  expect(monitor?.metadata.labels).toMatchObject(labels);
});
