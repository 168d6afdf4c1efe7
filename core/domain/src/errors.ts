/** Every error of this package: one function for each cause, in the order of the alphabet. */
import { BindingError } from "@netbind/contract";

const AS_PRINTED = "give the domain as libvirt prints it";

/** A value of a plan with a character that XML does not allow. */
export const characterNotInXml = (value: string): BindingError =>
  new BindingError(
    "PLAN_OUT_OF_BOUNDS",
    `${JSON.stringify(value)} contains a character that XML does not allow`,
    "plan printable text",
  );

/** A domain part that names what its kind does not allow; `what` is the name, and why it is refused. */
export const invalidDeviceName = (nic: string, what: string): BindingError =>
  new BindingError("PLAN_OUT_OF_BOUNDS", `NIC "${nic}" plans ${what}`, "plan a name as the contract describes it");

/** A domain whose text is not well-formed; line and column count from 1. */
export const malformedDomain = (problem: string, line: number, column: number): BindingError =>
  new BindingError("DOMAIN_INVALID", `the domain is not well-formed XML at ${line}:${column}: ${problem}`, AS_PRINTED);

/** A guest's memory that another process cannot share, as the NIC's device needs it. */
export const memoryNotShared = (mode: string): BindingError =>
  new BindingError(
    "PLAN_IMPOSSIBLE",
    `the domain's memory has access mode "${mode}", and the NIC needs it shared`,
    "remove the access mode, or use another binding",
  );

/** XML that describes something else than a domain. */
export const notDomain = (root: string): BindingError =>
  new BindingError("DOMAIN_INVALID", `the root element is <${root}>, not <domain>`, AS_PRINTED);

/** A libvirt that cannot start passt; `since` is the first version that can. */
export const passtUnsupported = (version: string | undefined, since: string): BindingError =>
  new BindingError(
    "PLAN_IMPOSSIBLE",
    `libvirt ${version} cannot start passt`,
    `use masquerade, or a KubeVirt with libvirt ${since} or later`,
  );
