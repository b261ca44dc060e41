// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GloreChain} from "../src/GloreChain.sol";
import {Audit} from "./Audit.sol";

contract GloreChainAudit is Audit {
    function setUp() external {
        it = address(new GloreChain(_gather(4), 3, 3));
    }

    function _acts() internal pure override returns (uint256) {
        return 4;
    }

    function _act(address, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        GloreChain chain = GloreChain(it);
        if (kind == 0) return (abi.encodeCall(GloreChain.initialize, ()), 0);
        if (kind == 1) return (abi.encodeCall(GloreChain.update, (chain.iteration(), bytes32(chance))), 0);
        bool yes = chance % 3 == 0;
        if (kind == 2) return (abi.encodeCall(GloreChain.transfer, (chain.turn(), bytes32(chance), yes)), 0);
        return (abi.encodeCall(GloreChain.check, (chain.turn(), yes)), 0);
    }

    /// @dev Turns count up, and phases within one; the beginning is before the first.
    function _stand() internal view override returns (uint256) {
        return uint256(GloreChain(it).turn()) << 8 | uint256(GloreChain(it).phase());
    }

    /// @dev At the consensus, and while nobody has posted what all wait for.
    function _resting() internal view override returns (bool) {
        GloreChain.Phase phase = GloreChain(it).phase();
        bool nobody = phase <= GloreChain.Phase.Update && GloreChain(it).posted() == 0;
        return nobody || phase == GloreChain.Phase.Consensus;
    }

    function _end(address who) internal override returns (bool) {
        return _call(who, abi.encodeCall(GloreChain.advance, ()), 0);
    }

    /// @notice One turn in which the next site serves: of the sums of one iteration each site is server at most once.
    function invariant_nobodyServesTwiceInAnIteration() external view {
        require(GloreChain(it).passed() <= parties.length, "a site is server twice in an iteration");
        require(GloreChain(it).iteration() <= 3, "an iteration after the last");
        require(GloreChain(it).heard() <= GloreChain(it).expected(), "more than everybody");
    }
}
