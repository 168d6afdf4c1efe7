/** Imported before the plugin: what its author's code throws, wherever it does, is reported with its place. */
import { reportFailure } from "./explain-failure.ts";

process.on("uncaughtException", (thrown) => {
  reportFailure(thrown);
  process.exit(1);
});
