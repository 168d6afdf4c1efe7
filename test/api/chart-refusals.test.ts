/** What the chart refuses, each with the field: values by its schema and its own rules, and a namespace. */
import { expect, test } from "vitest";
import { CHART, type ChartValues, noImages, renderText } from "../support/cluster/chart.ts";
import { Helm } from "../support/cluster/helm.ts";
import { useApiServer } from "../support/cluster/use-api-server.ts";

/** What helm says of values that it refuses. */
function refusal(values: ChartValues): string {
  try {
    renderText(values);
    return "";
  } catch (error) {
    return (error as { readonly stderr: string }).stderr;
  }
}

const image = (name: string, values: object): ChartValues => ({ images: { ...noImages(), [name]: values } });

test.each<[ChartValues, string]>([
  [{ controler: {} }, "'controler'"],
  [{ global: { imageRegistry: "https://registry.example" } }, "/global/imageRegistry"],
  [{ global: { imageRegistry: "registry.example/" } }, "/global/imageRegistry"],
  [{ global: { imagePullSecrets: ["secret"] } }, "/global/imagePullSecrets/0"],
  [{ kubevirt: { namespace: "Kube_virt" } }, "/kubevirt/namespace"],
  [{ kubevirt: { virtController: 'a" || true' } }, "/kubevirt/virtController"],
  [image("agent", { digest: "sha256:abc" }), "/images/agent/digest"],
  [image("agent", { tag: 1 }), "/images/agent/tag"],
  [image("agent", { repository: "" }), "/images/agent/repository"],
  [image("pasta", { tag: "1" }), "'pasta'"],
  [image("controller", {}), "images.controller: neither digest nor tag is set"],
  [image("slirp", {}), 'images.slirp: neither digest nor tag is set. Give the values that "npm run images" writes'],
  [{ controller: { replicas: 0 } }, "/controller/replicas"],
  [{ controller: { replicas: 1 } }, "controller.podDisruptionBudget.minAvailable: 1 of 1 replicas"],
  [{ controller: { logLevel: "loud" } }, "/controller/logLevel"],
  [{ controller: { resources: { requests: { memory: "much" } } } }, "/controller/resources/requests/memory"],
  [{ controller: { tolerations: [{ operator: "Maybe" }] } }, "/controller/tolerations/0/operator"],
  [{ agent: { updateStrategy: { type: "Never" } } }, "/agent/updateStrategy/type"],
  [{ agent: { seLinuxOptions: { label: "spc_t" } } }, "'label'"],
  [{ agent: { appArmorProfile: { type: "None" } } }, "/agent/appArmorProfile/type"],
  [{ plugins: { pasta: {} } }, "'pasta'"],
  [{ plugins: { passt: { enabled: "yes" } } }, "/plugins/passt/enabled"],
  [{ plugins: { passt: { fallback: "Sometimes" } } }, "/plugins/passt/fallback"],
  [{ plugins: { passt: { image: "https://registry.example/passt" } } }, "/plugins/passt/image"],
  [{ plugins: { passt: { registration: { sidecarImage: "passt" } } } }, "'sidecarImage'"],
  [{ plugins: { passt: { grants: { linkKinds: ["veth"] } } } }, "/plugins/passt/grants/linkKinds/0"],
  [{ thirdParty: { red: { user: 65_600 } } }, "'image'"],
  [{ thirdParty: { red: { image: "red", user: 65_600 } } }, "/thirdParty/red/image"],
  [{ thirdParty: { red: { image: "red:1", user: 0 } } }, "/thirdParty/red/user"],
  [{ thirdParty: { passt: { image: "red:1", user: 65_600 } } }, "invalid propertyName 'passt'"],
  [{ certManager: { issuerRef: { kind: "Authority" } } }, "/certManager/issuerRef/kind"],
  [{ monitoring: { podMonitors: { interval: "often" } } }, "/monitoring/podMonitors/interval"],
  [{ uninstall: { force: "yes" } }, "/uninstall/force"],
])("refused: %j", (values, said) => {
  expect(refusal(values)).toContain(said);
});

test("of values that several lines refuse, each is said at once", () => {
  const said = refusal({ images: {}, controller: { replicas: 1 } });
  const names = ["agent", "bridge", "controller", "masquerade", "passt", "slirp"];
  for (const name of names) expect(said).toContain(`images.${name}: neither digest nor tag`);
  expect(said).toContain("controller.podDisruptionBudget.minAvailable");
});

test("a plugin needs an image of this release where its fallback takes one", () => {
  const none = { ...noImages(), slirp: {}, passt: {} };
  const unpinned = refusal({
    images: none,
    plugins: { slirp: { fallback: "SlirpOnly" }, passt: { fallback: "SlirpOnly" } },
  });
  expect([unpinned.includes("images.slirp"), unpinned.includes("images.passt")]).toEqual([true, false]);
});

test("a namespace that would refuse the agent is refused before anything is made, with the command that mends it", async () => {
  const api = useApiServer();
  await using namespace = await api.makeNamespace();
  const install = async (standard: string): Promise<string> => {
    const labels = { "pod-security.kubernetes.io/enforce": standard };
    const path = `/api/v1/namespaces/${namespace.name}`;
    await api.request({ method: "PATCH", path, body: { metadata: { labels } } });
    const helm = new Helm(api, 3, namespace.name);
    return helm
      .run(["install", "netbind", CHART, "--dry-run=server"], { images: noImages() })
      .catch((error: Error) => error.message);
  };
  const command = `kubectl label --overwrite namespace ${namespace.name} pod-security.kubernetes.io/enforce=privileged`;
  expect(await install("baseline")).toContain(command);
  expect(await install("privileged")).not.toContain("Pod Security");
});
