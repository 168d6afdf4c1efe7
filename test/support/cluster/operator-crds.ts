/** Kinds of other products that the chart has objects of, as these define them: cert-manager's and Prometheus' operator's. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { moduleDirectory } from "../build/go-tools.ts";
import type { ApiServer } from "./api-server.ts";

const FILES = {
  "github.com/cert-manager/cert-manager": [
    "deploy/crds/cert-manager.io_certificates.yaml",
    "deploy/crds/cert-manager.io_issuers.yaml",
  ],
  "github.com/prometheus-operator/prometheus-operator": [
    "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
  ],
} as const;

/** Makes them known to an API server, and waits until it serves them. */
export async function applyOperatorCrds(api: ApiServer): Promise<void> {
  const objects = Object.entries(FILES).flatMap(([module, files]) => {
    const directory = moduleDirectory("chart-crds", module);
    return files.map((file) => parse(readFileSync(join(directory, file), "utf8")) as { metadata: { name: string } });
  });
  await api.apply(...objects);
  const names = objects.map(({ metadata }) => `crd/${metadata.name}`);
  await api.kubectl(["wait", "--for=condition=Established", "--timeout=30s", ...names]);
}
