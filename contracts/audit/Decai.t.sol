// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Decai} from "../src/Decai.sol";
import {Audit, Contract} from "./Audit.sol";

contract DecaiAudit is Audit {
    uint32 private constant REFUND = 1;
    uint32 private constant ANYBODY = 5;
    uint32 private constant SIZE = 3;

    /// @dev A datum that was added here, to be named in refunds and reports.
    struct Told {
        uint32[] features;
        uint8 label;
    }

    Told[] private told;

    /// @dev The owner, who pays nothing, and four submitters.
    function setUp() external {
        _gather(5);
        MACHINE.prank(parties[0], parties[0]);
        it = address(new Decai(_classifier(), SIZE, 0, 1, 7, Decai.Waits(REFUND, 3, ANYBODY)));
    }

    function _classifier() internal pure virtual returns (Decai.Classifier) {
        return Decai.Classifier.Perceptron;
    }

    function _acts() internal pure override returns (uint256) {
        return 4;
    }

    /// @dev Refunds and reports are of what was added, in its own words most of the time.
    function _act(address, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        if (kind == 0) return (abi.encodeCall(Decai.addData, (_features(chance), uint8(chance / 8 % 2))), 7 * 3600 + chance % 3);
        if (kind == 3) return (abi.encodeCall(Contract.collect, ()), 0);
        uint256 id = told.length == 0 ? 0 : chance % told.length;
        (uint32[] memory features, uint8 label) = (_features(chance), uint8(chance % 2));
        if (told.length > 0 && chance % 8 > 0) (features, label) = (told[id].features, told[id].label);
        if (kind == 1) return (abi.encodeCall(Decai.refund, (id, features, label)), 0);
        return (abi.encodeCall(Decai.report, (id, features, label)), 0);
    }

    /// @dev One has as many data as one pays for; each act changes what is there, but a second report of another datum.
    function _repeatable(uint256) internal pure override returns (bool) {
        return true;
    }
