/** Installs the Debian packages that are missing, and says what and why. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The last one is where Go's own installer puts it. */
const PATHS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/go/bin"];

/** The packages, with the program that shows whether one is there. */
const packages = () => JSON.parse(readFileSync(new URL("system-packages.json", import.meta.url), "utf8"));

const isThere = ({ program }) =>
  program.startsWith("/") ? existsSync(program) : PATHS.some((path) => existsSync(join(path, program)));

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // Standard output is the command's own: what apt says goes beside it.
  return spawnSync("apt-get", ["-qq", ...args], { stdio: ["ignore", 2, 2], env }).status === 0;
}

/** Installs what is missing, for the tiers of tests too that are named. Ends the process with a sentence where it cannot. */
export function ensureSystemPackages(tiers = []) {
  const missing = packages().filter(
    (entry) => (entry.for === undefined || tiers.includes(entry.for)) && !isThere(entry),
  );
  if (missing.length === 0) return;
  const names = missing.map((entry) => entry.package);
  for (const { package: name, why } of missing) console.error(`netbind: ${name} is missing: ${why}`);
  if (process.getuid() !== 0 || !existsSync("/usr/bin/apt-get")) {
    console.error(`netbind: install them as root, on Debian with: apt-get install ${names.join(" ")}`);
    process.exit(1);
  }
  console.error(`netbind: installing ${names.join(", ")} from the machine's Debian archive`);
  const install = ["install", "--yes", "--no-install-recommends", ...names];
  if (!apt(install) && !(apt(["update"]) && apt(install))) {
    console.error("netbind: apt-get could not install them; see what it said above");
    process.exit(1);
  }
}
