/** The controller's command line: what it takes, and what it says of what it does not. */
import { expect, test } from "vitest";
import { readOptions, USAGE } from "../../../core/controller/src/controller-options.ts";

test("in a pod nothing has to be named", () => {
  expect(readOptions([])).toEqual({
    namespace: "netbind",
    "kubevirt-namespace": "kubevirt",
    "log-level": "info",
    "webhook-service": "netbind-webhooks",
    "virt-controller": "system:serviceaccount:kubevirt:kubevirt-controller",
  });
});

test("virt-controller's account is in the namespace of the KubeVirt CR where nothing else is said", () => {
  expect(readOptions(["--kubevirt-namespace", "hco"])).toMatchObject({
    "virt-controller": "system:serviceaccount:hco:kubevirt-controller",
  });
});

test("every option is taken, and explained", () => {
  const values: Readonly<Record<string, string>> = {
    kubeconfig: "file",
    namespace: "own",
    "kubevirt-namespace": "kubevirt-hyperconverged",
    "image-registry": "registry.example:5000/a/b",
    images: "file",
    bindings: "directory",
    listen: "[::1]:9448",
    webhooks: "0.0.0.0:9443",
    "webhook-service": "a-service",
    "webhook-url": "https://10.0.0.1:9443",
    "virt-controller": "system:serviceaccount:a:b",
    "log-level": "debug",
  };
  const args = Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
  const addresses = { listen: { host: "::1", port: 9448 }, webhooks: { host: "0.0.0.0", port: 9443 } };
  expect(readOptions(args)).toEqual({ ...values, ...addresses });
  for (const name of Object.keys(values)) expect(USAGE).toContain(`  --${name} `);
});

test.each([
  [["--namespace", "a/b"], '--namespace: "a/b" is not a name of a namespace'],
  [["--kubevirt-namespace", "A_B"], '--kubevirt-namespace: "A_B" is not a name of a namespace'],
  [["--webhook-service", ""], '--webhook-service: "" is not a name of a namespace, a Service or a Secret'],
  [["--certificate-secret", "a/b"], '--certificate-secret: "a/b" is not a name of a namespace, a Service or a Secret'],
  [["--image-registry", "https://registry.example"], '--image-registry: "https://registry.example" is not a registry'],
  [["--image-registry", "registry.example/"], '--image-registry: "registry.example/" is not a registry'],
  [["--webhook-url", "http://10.0.0.1"], '--webhook-url: "http://10.0.0.1" is not a URL such as https://'],
  [["--webhook-url", "https://10.0.0.1/path"], '--webhook-url: "https://10.0.0.1/path" is not a URL'],
  [["--virt-controller", "a' || true"], `--virt-controller: "a' || true" is not a user's name`],
  [["--log-level", "loud"], '--log-level: "loud" is not one of trace'],
  [["--listen", "host:1"], '--listen: "host:1" is not ADDRESS:PORT'],
  [["--webhooks", "1"], '--webhooks: "1" is not ADDRESS:PORT'],
  [["--loud"], "Unknown option '--loud'"],
  [["word"], "Unexpected argument 'word'"],
])("%j is refused", (args, said) => {
  const options = readOptions(args);
  expect("problem" in options ? options.problem : "it is taken").toContain(said);
});
