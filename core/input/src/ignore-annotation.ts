/** The annotation of a VM, or of its template, that lists rules whose warnings nobody wants: `FIELD-2, MACVTAP-1`. */
export const IGNORE_ANNOTATION = "netbind.dev/ignore";
