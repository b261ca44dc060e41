// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ExplorerChain} from "../src/ExplorerChain.sol";
import {Audit} from "./Audit.sol";

contract ExplorerChainAudit is Audit {
    function setUp() external {
        it = address(new ExplorerChain(_gather(4), 3, 3, 2));
    }

    function _acts() internal pure override returns (uint256) {
        return 5;
    }

    function _act(address who, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        ExplorerChain chain = ExplorerChain(it);
        (uint32 iteration, uint32 errs) = (chain.iteration(), uint32(_drawn(who, chance, 1e6)));
        bytes32 model = bytes32(chance);
        if (chain.ready()) (errs, model) = (chain.errorE6(), chain.model());
        if (kind == 0) return (abi.encodeCall(ExplorerChain.clear, ()), 0);
        if (kind == 1) return (abi.encodeCall(ExplorerChain.initialize, (errs, model)), 0);
        if (kind == 2) return (abi.encodeCall(ExplorerChain.update, (iteration, errs, model)), 0);
        if (kind == 3 && chance % 2 == 0) return (abi.encodeCall(ExplorerChain.evaluate, (iteration, errs)), 0);
        if (kind == 3) return (abi.encodeCall(ExplorerChain.unreadable, (iteration)), 0);
        return (abi.encodeCall(ExplorerChain.rejoin, (errs)), 0);
    }

    /// @dev Counts the collections of errors; the phases before, between and after them go round.
    function _stand() internal view override returns (uint256) {
        return ExplorerChain(it).turn();
    }

    /// @dev At the consensus, and while nobody has come.
    function _resting() internal view override returns (bool) {
        ExplorerChain.Flag phase = ExplorerChain(it).phase();
        bool nobody = phase == ExplorerChain.Flag.Clear && ExplorerChain(it).posted() == 0;
        return nobody || phase == ExplorerChain.Flag.Consensus;
    }

    function _end(address who) internal override returns (bool) {
        return _call(who, abi.encodeCall(ExplorerChain.advance, ()), 0);
    }
}
