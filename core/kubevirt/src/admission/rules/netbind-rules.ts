import type { Rule } from "./rule.ts";

type Asked = Pick<Rule, "id" | "means" | "why" | "fix" | "find"> & Partial<Pick<Rule, "since" | "until" | "outcome">>;

/** A rule of Netbind alone: what breaks it runs, and not as it was meant. */
export const ignored = (rule: Asked): Rule => ({
  ...rule,
  reason: "FieldValueInvalid",
  consequence: "ignored",
  judge: "netbind",
});

/** A rule of Netbind alone: what breaks it waits until the cluster is changed. */
export const pending = (rule: Asked): Rule => ({
  ...rule,
  reason: "FieldValueNotFound",
  consequence: "pending",
  judge: "netbind",
});

/** A rule of Netbind alone: what breaks it is accepted, and cannot work. */
export const neverStarts = (rule: Asked): Rule => ({
  ...rule,
  reason: "FieldValueInvalid",
  consequence: "neverStarts",
  judge: "netbind",
});
