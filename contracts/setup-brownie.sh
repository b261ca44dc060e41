# Source this in contracts/, after `npm ci` and with node on PATH, before `brownie compile`, `brownie test` or
# `brownie run deploy`. Below build/ it puts solc where Brownie looks for it, and on PATH an anvil: npm's, which there is
# for Linux on x64, else yours. Brownie's settings have no place for a node's rules, so it gets Cancun's here.

export SOLCX_BINARY_PATH="$PWD/build/solcx"
mkdir -p "$SOLCX_BINARY_PATH" build/bin build/brownie
printf '#!/bin/sh\nexec node "%s" "$@"\n' "$PWD/solc.mjs" > "$SOLCX_BINARY_PATH/solc-v0.8.30"
for anvil in "$(command -v anvil || true)" "$PWD"/node_modules/@foundry-rs/anvil-*/bin/anvil; do
    if [ -x "$anvil" ] && [ "$anvil" != "$PWD/build/bin/anvil" ]; then
        printf '#!/bin/sh\nexec "%s" --hardfork cancun "$@"\n' "$anvil" > build/bin/anvil
        chmod +x build/bin/anvil
    fi
done
chmod +x "$SOLCX_BINARY_PATH/solc-v0.8.30"
export PATH="$PWD/build/bin:$PATH"
