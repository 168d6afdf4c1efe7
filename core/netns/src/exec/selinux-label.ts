/** User, role, type, and with categories a level. */
const LABEL = /^[\w.-]+:[\w.-]+:[\w.-]+(?::s\d[\w.,:-]*)?$/;

/**
 * The SELinux label in the text of /proc/PID/attr/current; undefined for one of another security module, such as a
 * profile of AppArmor's.
 */
export function selinuxLabelOf(text: string): string | undefined {
  // The kernel ends it by a null, and some versions by a line too.
  const [label = ""] = text.split(/[\0\n]/, 1);
  return LABEL.test(label) ? label : undefined;
}
