/** What an error's code means, and what to do. */
export interface ErrorText {
  readonly means: string;
  readonly fix: string;
}
