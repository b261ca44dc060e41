// The solc command line as far as Brownie uses it, over the npm package: --version and --standard-json.

import { readFileSync } from "node:fs";
import solc from "solc";

if (process.argv.includes("--version")) console.log(`Version: ${solc.version()}`);
else if (process.argv.includes("--standard-json")) process.stdout.write(solc.compile(readFileSync(0, "utf8")));
else {
  console.error("solc.mjs: only --version and --standard-json");
  process.exit(1);
}
