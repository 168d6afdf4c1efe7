const DOMAIN_NAME = /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const WHOLE_NAME = /^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*(?=[0-9-]*[a-z_])[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.$/;

/**
 * True for a domain in lower case that a guest can be told to search, as KubeVirt takes it: its last part is no number. A dot
 * at its end says that the name is whole: its last part may begin with an underscore then, for the root comes behind it.
 */
export const isDomainName = (text: string): boolean => text.length <= 253 && (DOMAIN_NAME.test(text) || WHOLE_NAME.test(text));
