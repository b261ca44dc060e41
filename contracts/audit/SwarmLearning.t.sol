// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SwarmLearning} from "../src/SwarmLearning.sol";
import {Audit} from "./Audit.sol";

contract SwarmLearningAudit is Audit {
    function setUp() external {
        it = address(new SwarmLearning(_gather(4), 2, 4, 3, 3));
    }

    function _acts() internal pure override returns (uint256) {
        return 3;
    }

    function _act(address, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        uint64 round = SwarmLearning(it).round();
        if (kind == 0) return (abi.encodeCall(SwarmLearning.enrol, (uint8(chance % 101))), 0);
        if (kind == 1) return (abi.encodeCall(SwarmLearning.checkIn, (round, bytes32(chance))), 0);
        return (abi.encodeCall(SwarmLearning.deliver, (round, bytes32(chance), "bafy")), 0);
    }

    /// @dev A round that its leader leaves returns to earlier phases.
    function _stand() internal view override returns (uint256) {
        return SwarmLearning(it).round();
    }

    /// @dev Below the least number of peers a round waits, as published.
    function _resting() internal view override returns (bool) {
        SwarmLearning swarm = SwarmLearning(it);
        return swarm.phase() == SwarmLearning.Phase.CheckIn && swarm.readyCount() < swarm.minPeers();
    }

    function _end(address who) internal override returns (bool) {
        return _call(who, abi.encodeCall(SwarmLearning.close, ()), 0)
            || _call(who, abi.encodeCall(SwarmLearning.elect, ()), 0)
            || _call(who, abi.encodeCall(SwarmLearning.replaceLeader, ()), 0);
    }
}
