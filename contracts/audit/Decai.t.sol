// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Decai} from "../src/Decai.sol";
import {Audit, Contract} from "./Audit.sol";

/// @dev A datum is what its id says, so that anybody can name it in a refund or a report.
contract DecaiAudit is Audit {
    uint32 private constant ANYBODY = 5;
    uint32 private constant SIZE = 3;
    uint64 private constant WEIGHT = 7;

    /// @dev The owner and four submitters.
    function setUp() external {
        _gather(5);
        MACHINE.prank(parties[0], parties[0]);
        it = address(new Decai(_classifier(), SIZE, 0, 1, WEIGHT, Decai.Waits(1, 3, ANYBODY)));
    }

    function _classifier() internal pure virtual returns (Decai.Classifier) {
        return Decai.Classifier.Perceptron;
    }

    function _acts() internal pure override returns (uint256) {
        return 4;
    }

    function _act(address, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        if (kind == 3) return (abi.encodeCall(Contract.collect, ()), 0);
        uint32 added = Decai(it).added();
        uint256 id = kind == 0 || added == 0 ? added : chance % added;
        (uint32[] memory features, uint8 label) = _datum(id);
        if (kind == 0) return (abi.encodeCall(Decai.addData, (features, label)), WEIGHT * 3600 + chance % 3);
        if (chance % 8 == 0) label = 1 - label;
        if (kind == 1) return (abi.encodeCall(Decai.refund, (id, features, label)), 0);
        return (abi.encodeCall(Decai.report, (id, features, label)), 0);
    }

    /// @dev Features and label of a datum: one of three features, or all, or none.
    function _datum(uint256 id) private pure returns (uint32[] memory features, uint8 label) {
        uint256 drawn = _drawn(address(0), id, 10);
        uint256 first = drawn / 2;
        if (first < SIZE) {
            features = new uint32[](1);
            features[0] = uint32(first);
        } else if (first == SIZE) {
            features = new uint32[](SIZE);
            for (uint32 i = 0; i < SIZE; i++) features[i] = i;
        }
        label = uint8(drawn % 2);
    }

    /// @dev Data are added, and what is left of their deposits only falls.
    function _stand() internal view override returns (uint256) {
        return (uint256(Decai(it).added()) + 1) << 128 | (type(uint128).max - Decai(it).escrow());
    }

    function _resting() internal view override returns (bool) {
        return Decai(it).escrow() == 0;
    }

    function _passDeadline() internal override {
        _wait(ANYBODY + 1);
    }

    /// @dev Whoever is awake takes what nobody took.
    function _end(address who) internal override returns (bool any) {
        uint32 added = Decai(it).added();
        for (uint256 id = 0; id < added; id++) {
            (uint32[] memory features, uint8 label) = _datum(id);
            if (_call(who, abi.encodeCall(Decai.report, (id, features, label)), 0)) any = true;
        }
    }

    function _owed() internal view override returns (uint256) {
        return Decai(it).escrow() + _collectable();
    }

    function _takeHome(address who) internal override {
        _call(who, abi.encodeCall(Contract.collect, ()), 0);
    }

    function invariant_validDataAreCountedOnce() external view {
        uint256 sum = Decai(it).valid(OUTSIDER);
        for (uint256 i = 0; i < parties.length; i++) sum += Decai(it).valid(parties[i]);
        require(sum == Decai(it).totalValid() && sum <= Decai(it).added(), "a datum was found valid twice");
    }
}

contract DecaiCentroidsAudit is DecaiAudit {
    function _classifier() internal pure override returns (Decai.Classifier) {
        return Decai.Classifier.NearestCentroid;
    }
}
