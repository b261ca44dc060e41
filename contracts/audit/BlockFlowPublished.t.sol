// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BlockFlowExperiment, BlockFlowPublished} from "../src/BlockFlow.sol";
import {Contract} from "./Audit.sol";
import {BlockFlowExperimentAudit} from "./BlockFlow.t.sol";

contract BlockFlowPublishedAudit is BlockFlowExperimentAudit {
    function setUp() external {
        it = address(new BlockFlowPublished(2, BOND, 200, 2 ** 19, 5, 2, false, 0, _gather(3)));
    }

    function _acts() internal pure override returns (uint256) {
        return 8;
    }

    function _act(address who, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        if (kind == 0) return (abi.encodeCall(BlockFlowExperiment.enrol, ()), BOND);
        if (kind == 1) return (abi.encodeCall(BlockFlowExperiment.submitData, ("bafy")), 0);
        address model = _next(who, kind, chance);
        if (kind == 2) return (abi.encodeCall(BlockFlowPublished.markDataRetrieved, (model)), 0);
        if (kind == 3) return (abi.encodeCall(BlockFlowPublished.requestDecryptionKey, (model)), 0);
        if (kind == 4) return (abi.encodeCall(BlockFlowPublished.provideDecryptionKey, (model, "key")), 0);
        uint256 about = uint256(_experiment().round()) << 160 | uint160(model);
        bytes32 salt = bytes32(bytes20(who)) | bytes32(_drawn(who, about, 2 ** 96));
        uint256 score = _drawn(who, about + 1, 2 ** 20);
        bytes32 commitment = keccak256(abi.encodePacked(salt, score));
        if (kind == 5) return (abi.encodeCall(BlockFlowPublished.submitEncryptedScore, (model, commitment)), 0);
        if (kind == 6) return (abi.encodeCall(BlockFlowPublished.submitDecryptedScore, (model, salt, score)), 0);
        return (abi.encodeCall(Contract.collect, ()), 0);
    }

    /// @dev There are several models.
    function _repeatable(uint256 kind) internal pure override returns (bool) {
        return kind > 1;
    }

    function _conclude(address who) internal override returns (bool any) {
        for (uint256 i = 0; i < parties.length; i++) {
            uint256 median = _median(_scoresOf(parties[i]));
            for (uint256 j = 0; j < parties.length; j++) {
                (address model, address by) = (parties[i], parties[j]);
                if (_call(who, abi.encodeCall(BlockFlowPublished.tallyModelScore, (model, median, by)), 0)) any = true;
                if (_call(who, abi.encodeCall(BlockFlowPublished.tallyDatasetScore, (by, model)), 0)) any = true;
            }
            if (_call(who, abi.encodeCall(BlockFlowPublished.commitModelMedianScore, (parties[i], median)), 0)) any = true;
        }
    }

    /// @dev A model that it has not read, or not scored, yet; now and then another.
    function _next(address who, uint256 kind, uint256 chance) private view returns (address model) {
        model = parties[chance % parties.length];
        if (chance % 5 == 0) return model;
        for (uint256 i = 0; i < parties.length; i++) {
            BlockFlowPublished.Pair memory pair = _pair(who, parties[i]);
            if (kind == 2 && !pair.read) return parties[i];
            if (kind == 5 && pair.read && pair.commitment == 0) return parties[i];
            if (kind == 6 && pair.commitment != 0 && pair.score == 0) return parties[i];
        }
    }

    /// @dev By auditor that is a member, 1 more than its score of a model; 0 without one.
    function _scoresOf(address model) private view returns (uint256[] memory scores) {
        scores = new uint256[](parties.length);
        for (uint256 i = 0; i < scores.length; i++) {
            if (_experiment().isMember(parties[i])) scores[i] = _pair(parties[i], model).score;
        }
    }

    function _pair(address auditor, address model) private view returns (BlockFlowPublished.Pair memory) {
        return BlockFlowPublished(it).pairOf(_experiment().round(), auditor, model);
    }
}
