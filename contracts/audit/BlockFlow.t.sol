// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BlockFlow, BlockFlowExperiment} from "../src/BlockFlow.sol";
import {Audit, Contract} from "./Audit.sol";

/// @dev The first of what `circle` tells.
interface Circle {
    function circle() external view returns (address[] memory);
}

/// @dev What the two ways to write an experiment down have in common.
abstract contract BlockFlowExperimentAudit is Audit {
    uint256 internal constant BOND = 1003;

    /// @dev What anybody brings a round on by once all have revealed.
    function _conclude(address who) internal virtual returns (bool);

    function _stand() internal view override returns (uint256) {
        return uint256(_experiment().round()) << 8 | uint256(_experiment().stage());
    }

    function _resting() internal view override returns (bool) {
        return _experiment().stage() == BlockFlowExperiment.Stage.Over;
    }

    /// @dev After its deadline a stage is the members' for a while.
    function _deadline() internal view override returns (uint256) {
        uint256 deadline = Contract(it).deadline();
        return deadline == type(uint64).max ? deadline : deadline + 2 * _experiment().graceBlocks();
    }

    function _end(address who) internal override returns (bool) {
        return _conclude(who) || _call(who, abi.encodeCall(BlockFlowExperiment.closeRound, (2)), 0)
            || _call(who, abi.encodeCall(BlockFlowExperiment.advance, ()), 0);
    }

    function _owed() internal view override returns (uint256) {
        return _experiment().pool() + _collectable();
    }

    function _takeHome(address who) internal override {
        _call(who, abi.encodeCall(Contract.collect, ()), 0);
    }

    function _experiment() internal view returns (BlockFlowExperiment) {
        return BlockFlowExperiment(it);
    }

    /// @dev The lower median of scores that are 1 more than they count, and 0 where there is none.
    function _median(uint256[] memory scores) internal pure returns (uint256) {
        for (uint256 i = 0; i < scores.length; i++) {
            (uint256 below, uint256 least, uint256 count) = (0, 0, 0);
            for (uint256 j = 0; j < scores.length; j++) {
                if (scores[j] == 0) continue;
                count++;
                if (scores[j] < scores[i]) below++;
                if (scores[j] <= scores[i]) least++;
            }
            if (scores[i] > 0 && below <= (count - 1) / 2 && (count - 1) / 2 < least) return scores[i] - 1;
        }
        return 0;
    }
}

contract BlockFlowAudit is BlockFlowExperimentAudit {
    function setUp() external {
        it = address(new BlockFlow(2, BOND, 200, 2 ** 19, 3, 2, false, 0, _gather(4)));
    }

    function _acts() internal pure override returns (uint256) {
        return 6;
    }

    function _act(address who, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        BlockFlow flow = BlockFlow(it);
        if (kind == 0) return (abi.encodeCall(BlockFlowExperiment.enrol, ()), chance % 8 == 0 ? BOND - 1 : BOND);
        if (kind == 1) return (abi.encodeCall(BlockFlowExperiment.submitData, ("bafy")), 0);
        uint256 all = 2 ** flow.audits() - 1;
        if (kind == 2) return (abi.encodeCall(BlockFlow.markRetrieved, (chance % 2 == 0 ? all : chance & all)), 0);
        uint256 read = flow.auditOf(flow.round(), who).read;
        uint32[] memory scores = new uint32[](flow.audits());
        for (uint256 j = 0; j < scores.length; j++) {
            if (read >> j & 1 == 1) scores[j] = uint32(1 + _drawn(who, uint256(flow.round()) << 8 | j, 2 ** 20));
        }
        bytes32 commitment = keccak256(abi.encodePacked(bytes32(0), flow.bindingOf(who), scores));
        if (kind == 3) return (abi.encodeCall(BlockFlow.commitScores, (commitment)), 0);
        if (kind == 4) return (abi.encodeCall(BlockFlow.revealScores, (0, scores)), 0);
        return (abi.encodeCall(Contract.collect, ()), 0);
    }

    function _repeatable(uint256 kind) internal pure override returns (bool) {
        return kind == 5;
    }

    function _conclude(address who) internal override returns (bool) {
        return _call(who, abi.encodeCall(BlockFlow.commitMedians, (_medians())), 0)
            || _call(who, abi.encodeCall(BlockFlow.tallyDatasets, (2)), 0);
    }

    /// @dev The medians of all members, in their order.
    function _medians() private view returns (uint256[] memory medians) {
        BlockFlow flow = BlockFlow(it);
        if (flow.stage() != BlockFlowExperiment.Stage.Ranking) return medians;
        address[] memory agents = Circle(it).circle();
        uint32[][] memory by = flow.scoresBy();
        uint256 found = 0;
        medians = new uint256[](flow.live());
        for (uint256 i = 0; i < agents.length; i++) {
            if (flow.isMember(agents[i])) medians[found++] = _median(_scores(by, i));
        }
    }

    /// @dev The scores of the model at a place by the agents before it.
    function _scores(uint32[][] memory by, uint256 place) private pure returns (uint256[] memory scores) {
        scores = new uint256[](by.length);
        for (uint256 j = 0; j < scores.length; j++) {
            uint32[] memory own = by[(place + by.length - j) % by.length];
            if (j < own.length) scores[j] = own[j];
        }
    }
}
