/** A field of a VM that networking reads, for people. */
export interface ExplainedField {
  /** From the VMI's root; `[]` stands for any place in a list. */
  readonly path: string;
  readonly means: string;
  /** The value where the field is absent. */
  readonly otherwise: string;
  /** The rules that look at it. */
  readonly rules: readonly string[];
}

export const field = (path: string, means: string, otherwise: string, ...rules: readonly string[]): ExplainedField => ({
  path,
  means,
  otherwise,
  rules,
});
