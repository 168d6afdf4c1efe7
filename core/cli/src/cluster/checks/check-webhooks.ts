import type { X509Certificate } from "node:crypto";
import { type ApiObject, SECRETS } from "@netbind/kube";
import type { ClusterFinding, ClusterObject } from "@netbind/view";
import type { ClusterFacts } from "../facts.ts";
import { objectsAt, textAt, type Value } from "../fields.ts";
import { isError, objectOf } from "../found.ts";
import { listed, type Looks, seenOf } from "../looks.ts";
import { ENDPOINT_SLICES, SERVICES } from "../resources.ts";
import { endOf, hasSigned, isOutOfDate, readCertificates } from "./certificates.ts";

const VALIDATING = "ValidatingWebhookConfiguration";
const MUTATING = "MutatingWebhookConfiguration";
/** The configurations that a controller fills. */
export const EXPECTED_CONFIGURATIONS: readonly ClusterObject[] = [
  { kind: VALIDATING, name: "netbind-bindings" },
  { kind: VALIDATING, name: "netbind-others" },
  { kind: MUTATING, name: "netbind-bindings" },
  { kind: MUTATING, name: "binding-needs.netbind.dev" },
];
const RENEW =
  "see why the controller does not renew it (its log); to have it made again, delete the Secret netbind-webhooks and restart the controller";

/** A configuration, and how its webhooks are reached. */
interface Configuration {
  readonly object: ClusterObject;
  readonly webhooks: readonly Value[];
}

const configurationsOf = ({ webhooks }: ClusterFacts): readonly Configuration[] => [
  ...listed(webhooks.validating).map((one) => read(VALIDATING, one)),
  ...listed(webhooks.mutating).map((one) => read(MUTATING, one)),
];

const read = (kind: string, object: ApiObject): Configuration => ({
  object: objectOf(kind, object),
  webhooks: objectsAt(object, "webhooks"),
});

/** The webhooks in a few words. */
export function webhooksState(facts: ClusterFacts): string {
  const { validating, mutating } = facts.webhooks;
  if ("unknown" in validating && "unknown" in mutating) return "unknown";
  const all = configurationsOf(facts);
  return all.length === 0 ? "none" : [...new Set(all.map(({ object }) => object.name))].join(", ");
}

/** Configurations that are missing or empty, where a controller is to fill them. */
function checkThere(facts: ClusterFacts): readonly ClusterFinding[] {
  const { validating, mutating } = facts.webhooks;
  if (listed(facts.controllers).length === 0 || !("seen" in validating) || !("seen" in mutating)) return [];
  const all = configurationsOf(facts);
  const missing = EXPECTED_CONFIGURATIONS.filter(
    ({ kind, name }) => !all.some(({ object }) => object.kind === kind && object.name === name),
  );
  const empty = all.filter(({ webhooks }) => webhooks.length === 0).map(({ object }) => object);
  return [...missing, ...empty].map((object) =>
    isError("WEBHOOK_MISSING", {
      object,
      problem: `it ${missing.includes(object) ? "is not there" : "has no webhook"}: VMs that will never run are stored without a word`,
      fix: missing.includes(object) ? "install the chart again" : "see the log of the controller, which fills it",
    }),
  );
}

/** What becomes of VMs while API servers do not reach what a configuration names. */
const outcomeOf = ({ webhooks }: Configuration): string =>
  webhooks.some((one) => one["failurePolicy"] !== "Ignore")
    ? "they store no VM with Netbind's bindings"
    : "they store VMs without a review";

/** Certificates by which API servers would trust the webhooks. */
function checkBundle(configuration: Configuration, now: number): readonly ClusterFinding[] {
  const { object, webhooks } = configuration;
  const bundles = new Set(webhooks.map((one) => textAt(one, "clientConfig", "caBundle")));
  return [...bundles].flatMap((bundle) => {
    const certificates = readCertificates(bundle);
    const current = certificates.filter((one) => !isOutOfDate(one, now));
    if (current.length > 0) return [];
    const ends = certificates.map(endOf).sort().at(-1);
    return [
      isError("WEBHOOK_CERTIFICATE", {
        object,
        field: "webhooks[].clientConfig.caBundle",
        problem:
          ends === undefined
            ? `it has no certificate: API servers trust no webhook, and ${outcomeOf(configuration)}`
            : `its certificate authority expired on ${ends}: API servers trust no webhook, and ${outcomeOf(configuration)}`,
        fix: RENEW,
      }),
    ];
  });
}

interface Target {
  readonly namespace: string;
  readonly name: string;
}

/** The Services that webhooks are reached by; a URL is reached from the API servers alone. */
function targetsOf(configurations: readonly Configuration[], looks: Looks): readonly Target[] {
  const byName = new Map<string, Target>();
  for (const { object, webhooks } of configurations)
    for (const webhook of webhooks) {
      const [namespace, name] = ["namespace", "name"].map((field) => textAt(webhook, "clientConfig", "service", field));
      if (namespace && name) byName.set(`${namespace}/${name}`, { namespace, name });
      else
        looks.miss(
          `webhooks of ${object.name}: they are reached by a URL, and only API servers can tell whether it answers`,
        );
    }
  return [...byName.values()];
}

async function checkService(looks: Looks, { namespace, name }: Target): Promise<readonly ClusterFinding[]> {
  const selector = { namespace, labelSelector: `kubernetes.io/service-name=${name}` };
  const [service, slices] = await Promise.all([
    looks.get({ resource: SERVICES, namespace, name }),
    looks.list({ resource: ENDPOINT_SLICES, ...selector, read: (slice) => objectsAt(slice, "endpoints") }),
  ]);
  const endpoints = listed(slices).flat();
  const isServed = endpoints.some((one) => (one["conditions"] as Value | undefined)?.["ready"] !== false);
  if ("unknown" in service || "unknown" in slices || ("seen" in service && isServed)) return [];
  return [
    isError("WEBHOOK_UNREACHABLE", {
      object: { kind: "Service", namespace, name },
      problem: `it ${"absent" in service ? "is not there" : "has no ready endpoint"}, and the webhooks are reached by it: VMs with Netbind's bindings cannot be stored`,
      fix:
        "absent" in service
          ? "install the chart again"
          : `see why no replica of the controller is ready: kubectl get pods -n ${namespace}`,
    }),
  ];
}

/** The certificate that the webhooks serve with, and whether what API servers trust has signed it. */
async function checkServed(
  looks: Looks,
  { namespace, name }: Target,
  configurations: readonly Configuration[],
  now: number,
): Promise<readonly ClusterFinding[]> {
  const secret = seenOf(await looks.get({ resource: SECRETS, namespace, name }));
  const [served] = readCertificates(textAt(secret, "data", "tls.crt"));
  if (served === undefined) return [];
  const object = { kind: "Secret", namespace, name };
  if (isOutOfDate(served, now)) {
    const problem = `the webhooks' certificate expired on ${endOf(served)}: API servers store no VM with Netbind's bindings`;
    return [isError("WEBHOOK_CERTIFICATE", { object, field: "data[tls.crt]", problem, fix: RENEW })];
  }
  return configurations
    .filter(({ webhooks }) => webhooks.length > 0 && !webhooks.some((webhook) => isTrusted(webhook, served, now)))
    .map((configuration) =>
      isError("WEBHOOK_CERTIFICATE", {
        object: configuration.object,
        field: "webhooks[].clientConfig.caBundle",
        problem: `no authority in it has signed the certificate in Secret ${namespace}/${name}: API servers trust no webhook, and ${outcomeOf(configuration)}`,
        fix: "see the log of the controller, which writes both",
      }),
    );
}

const isTrusted = (webhook: Value, served: X509Certificate, now: number): boolean =>
  readCertificates(textAt(webhook, "clientConfig", "caBundle")).some(
    (one) => isOutOfDate(one, now) || hasSigned(one, served),
  );

/** Whether API servers reach the webhooks and trust them. `now`: milliseconds since 1970. */
export async function checkWebhooks(
  facts: ClusterFacts,
  looks: Looks,
  now: number,
): Promise<readonly ClusterFinding[]> {
  const configurations = configurationsOf(facts);
  const targets = targetsOf(configurations, looks);
  const asked = await Promise.all(
    targets.map(async (target) => [
      ...(await checkService(looks, target)),
      ...(await checkServed(looks, target, configurations, now)),
    ]),
  );
  return [...checkThere(facts), ...configurations.flatMap((one) => checkBundle(one, now)), ...asked.flat()];
}
