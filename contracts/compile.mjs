// Compile src/*.sol into artifacts/<Contract>.json, or with --check compare with what is committed.
//
//   node compile.mjs           write the artifacts, remove those whose contract is gone
//   node compile.mjs --check   write nothing; exit 1 and name the artifacts that differ
//
// The settings leave nothing of the machine in the bytecode, so equal sources give equal artifacts.
// Warnings are errors.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const ROOT = dirname(fileURLToPath(import.meta.url));
const SOURCES = join(ROOT, "src");
const ARTIFACTS = join(ROOT, "artifacts");

const SETTINGS = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "": ["ast"], "*": ["abi", "evm.bytecode", "evm.deployedBytecode"] } },
};

const COMPILER = {
  name: "solc",
  version: solc.version().replace(".Emscripten.clang", ""),
  evmVersion: SETTINGS.evmVersion,
  optimizerRuns: SETTINGS.optimizer.runs,
};

/** Every Solidity file below src/, keyed by its path as imports see it. */
function readSources() {
  if (!existsSync(SOURCES)) return {};
  const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".sol"));
  const entries = files.sort().map((file) => {
    const path = join(SOURCES, file);
    return [relative(ROOT, path).split(sep).join("/"), { content: readFileSync(path, "utf8") }];
  });
  return Object.fromEntries(entries);
}

/** Compile, and stop at the first complaint of any severity. */
function compile(sources) {
  const input = { language: "Solidity", sources, settings: SETTINGS };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const complaints = (output.errors ?? []).filter((error) => error.severity !== "info");
  if (complaints.length > 0) {
    fail(complaints.map((error) => error.formattedMessage.trimEnd()).join("\n\n"));
  }
  return output;
}

/** The contracts of a source that can be deployed: no interface, no abstract contract, no library. */
function deployable(ast) {
  return ast.nodes
    .filter((node) => node.nodeType === "ContractDefinition" && node.contractKind === "contract" && !node.abstract)
    .map((node) => node.name);
}

/** Bytecode as 0x-prefixed hex. Libraries must be internal: there is nobody to link them. */
function bytecode(where, code) {
  if (Object.keys(code.linkReferences).length > 0) fail(`${where}: has external libraries to link`);
  return `0x${code.object}`;
}

/** Artifact file name -> its text. */
function build(output) {
  const artifacts = new Map();
  for (const source of Object.keys(output.sources ?? {}).sort()) {
    for (const contract of deployable(output.sources[source].ast)) {
      const file = `${contract}.json`;
      if (artifacts.has(file)) fail(`${source}: a second contract named ${contract}`);
      const { abi, evm } = output.contracts[source][contract];
      const artifact = {
        contract,
        source,
        abi,
        bytecode: bytecode(source, evm.bytecode),
        deployedBytecode: bytecode(source, evm.deployedBytecode),
        compiler: COMPILER,
      };
      artifacts.set(file, `${JSON.stringify(artifact, null, 2)}\n`);
    }
  }
  return artifacts;
}

function committed() {
  if (!existsSync(ARTIFACTS)) return [];
  return readdirSync(ARTIFACTS).filter((file) => file.endsWith(".json")).sort();
}

function check(artifacts) {
  const differing = [];
  for (const [file, text] of artifacts) {
    const path = join(ARTIFACTS, file);
    if (!existsSync(path)) differing.push(`artifacts/${file}: missing`);
    else if (readFileSync(path, "utf8") !== text) differing.push(`artifacts/${file}: differs from its source`);
  }
  for (const file of committed()) {
    if (!artifacts.has(file)) differing.push(`artifacts/${file}: has no source`);
  }
  if (differing.length > 0) fail(`${differing.join("\n")}\nCompile again and commit the result.`);
  console.log(`${artifacts.size} artifacts match their sources.`);
}

function write(artifacts) {
  mkdirSync(ARTIFACTS, { recursive: true });
  for (const file of committed()) {
    if (!artifacts.has(file)) rmSync(join(ARTIFACTS, file));
  }
  for (const [file, text] of artifacts) writeFileSync(join(ARTIFACTS, file), text);
  console.log(`${artifacts.size} artifact${artifacts.size === 1 ? "" : "s"} written to ${relative(dirname(ROOT), ARTIFACTS)}/.`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const unknown = process.argv.slice(2).filter((argument) => argument !== "--check");
if (unknown.length > 0) fail(`compile.mjs: unknown argument ${unknown[0]}`);

const sources = readSources();
const artifacts = Object.keys(sources).length > 0 ? build(compile(sources)) : new Map();
if (process.argv.includes("--check")) check(artifacts);
else write(artifacts);
