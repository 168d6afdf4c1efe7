import { CommandError, type Exec, type ExecOptions } from "../exec/exec.ts";

/** What is said of a script that fails: its text would say nothing to whom it is shown. */
export interface ScriptWords {
  /** The programs that it runs. */
  readonly programs: string;
  /** What did not succeed. */
  readonly failure: string;
}

/**
 * Runs a script in a pod's network namespace, and gives what it printed.
 *
 * @throws CommandError in these words, with what the script's programs said
 */
export async function runScript(
  execIn: Exec,
  argv: readonly string[],
  { programs, failure }: ScriptWords,
  options: ExecOptions = {},
): Promise<string> {
  try {
    return await execIn(argv, options);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError([programs], failure, error.stderr, error.exitCode);
  }
}
