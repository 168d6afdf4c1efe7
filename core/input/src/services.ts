import type { Service, ServicePort } from "@netbind/kubevirt/admission";
import type { ObjectMeta } from "@netbind/kubevirt";
import type { InputDocument } from "./documents.ts";
import { kindOf, textOf } from "./kinds.ts";

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});
const isPort = (value: unknown): value is number | string =>
  typeof value === "number" || (typeof value === "string" && value !== "");

function portOf(value: unknown): readonly ServicePort[] {
  const { port, targetPort, protocol } = fieldsOf(value);
  const target = isPort(targetPort) ? targetPort : port;
  return isPort(target) ? [{ protocol: textOf(protocol) || "TCP", targetPort: target }] : [];
}

/** A Service that selects pods; what of it is of another shape is left out. */
function serviceOf({ value, namespace }: InputDocument): readonly Service[] {
  const { name = "" } = fieldsOf(value["metadata"]) as Partial<ObjectMeta>;
  const spec = fieldsOf(value["spec"]);
  const selector = Object.entries(fieldsOf(spec["selector"])).map(([key, label]) => [key, textOf(label)] as const);
  if (selector.length === 0) return [];
  const ports = Array.isArray(spec["ports"]) ? spec["ports"].flatMap(portOf) : [];
  return [{ namespace, name, selector: Object.fromEntries(selector), ports }];
}

/** The Services of an input that select pods. */
export const collectServices = (documents: readonly InputDocument[]): readonly Service[] =>
  documents.filter((document) => kindOf(document) === "service").flatMap(serviceOf);
