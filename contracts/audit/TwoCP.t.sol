// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Crowdsource, TwoCP} from "../src/TwoCP.sol";
import {Audit} from "./Audit.sol";

contract TwoCPAudit is Audit {
    /// @dev A founder and three that train and evaluate.
    function setUp() external {
        _gather(4);
        address[] memory trainers = new address[](3);
        for (uint256 i = 0; i < 3; i++) trainers[i] = parties[i + 1];
        MACHINE.prank(parties[0], parties[0]);
        it = address(new TwoCP(address(0), trainers, 2e18, 3));
    }

    function _acts() internal pure override returns (uint256) {
        return 4;
    }

    function _act(address who, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        uint256[] memory which = new uint256[](1);
        (bytes32[] memory words, bytes32[] memory digests) = (new bytes32[](1), new bytes32[](1));
        uint64[] memory rounds = TwoCP(it).rounds();
        which[0] = chance % rounds.length;
        uint64 round = rounds[which[0]];
        digests[0] = keccak256(abi.encode(round % 3 == 0 ? address(0) : who, which[0], round)); // some are copies
        if (kind == 0) return (abi.encodeCall(TwoCP.addAux, (parties[chance % 4])), 0);
        if (kind == 1) {
            words[0] = keccak256(abi.encodePacked(TwoCP(it).domains(who)[which[0]], bytes32(0), digests[0]));
            return (abi.encodeCall(TwoCP.commit, (which, words)), 0);
        }
        if (kind == 2) return (abi.encodeCall(TwoCP.reveal, (which, words, digests)), 0);
        uint256 run = TwoCP(it).auxiliaryOf(who);
        (, digests) = TwoCP(it).updates(run, rounds[run] - 1);
        return (abi.encodeCall(TwoCP.setTokens, (run, digests, new uint256[](digests.length))), 0);
    }

    /// @dev There are several runs.
    function _repeatable(uint256) internal pure override returns (bool) {
        return true;
    }

    function _stand() internal view override returns (uint256 sum) {
        uint256 runs = TwoCP(it).rounds().length;
        for (uint256 i = 0; i < runs; i++) {
            Crowdsource run = TwoCP(it).runs(i);
            sum += 2 * run.round() + uint256(run.phase());
        }
    }

    /// @dev While nobody has begun a round in any run.
    function _resting() internal view override returns (bool) {
        return _deadline() == type(uint64).max;
    }
}
