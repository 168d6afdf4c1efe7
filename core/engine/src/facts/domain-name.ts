const DOMAIN_NAME = /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** True for a domain in lower case that a guest can be told to search, as KubeVirt takes it: its last part is no number. */
export const isDomainName = (text: string): boolean => text.length <= 253 && DOMAIN_NAME.test(text);
