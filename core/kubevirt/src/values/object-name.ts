const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** True for a DNS subdomain in lower case, as most objects of Kubernetes are named (RFC 1123). */
export const isSubdomain = (text: string): boolean => text.length <= 253 && SUBDOMAIN.test(text);
/** True for a DNS label in lower case, as namespaces are named (RFC 1123). */
export const isLabel = (text: string): boolean => text.length <= 63 && LABEL.test(text);
