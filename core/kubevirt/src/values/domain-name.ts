const DOMAIN_NAME = /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const WHOLE_NAME = /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*(?=[0-9-]*[a-z_])[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.$/;

/**
 * True for a domain in lower case that a guest can get as a search domain, as KubeVirt takes it: its last part is not a
 * number. A dot at its end means that the name is absolute: its last part may begin with an underscore then, for the
 * root follows it.
 */
export const isDomainName = (text: string): boolean =>
  text.length <= 253 && (DOMAIN_NAME.test(text) || WHOLE_NAME.test(text));
