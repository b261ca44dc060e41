// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManager} from "../src/AccessManager.sol";
import {Deadline} from "../src/lib/Deadlines.sol";
import {Audit} from "./Audit.sol";

contract AccessManagerAudit is Audit {
    AccessManager.Purpose private constant RETRAINING = AccessManager.Purpose.Retraining;

    /// @dev One who assigns roles and classifies, and three patients who have consented.
    function setUp() external {
        _gather(4);
        address[] memory patients = new address[](3);
        for (uint256 i = 0; i < 3; i++) patients[i] = parties[i + 1];
        MACHINE.prank(parties[0], parties[0]);
        it = address(new AccessManager(patients, 3));
        MACHINE.prank(parties[0], parties[0]);
        AccessManager(it).assign(parties[0], AccessManager.Role.Classifier);
        for (uint256 i = 0; i < 3; i++) {
            MACHINE.prank(patients[i], patients[i]);
            AccessManager(it).grant(AccessManager.Role.Classifier, RETRAINING, type(uint64).max);
        }
    }

    function _acts() internal pure override returns (uint256) {
        return 5;
    }

    function _act(address who, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        address patient = parties[1 + chance % 3];
        bytes32 newest = _data(patient, _posts(patient) == 0 ? 0 : _posts(patient) - 1);
        if (kind == 0) return (abi.encodeCall(AccessManager.post, (_data(who, _posts(who)))), 0);
        if (kind == 1) return (abi.encodeCall(AccessManager.requestAccess, (patient, newest, RETRAINING)), 0);
        if (kind == 2) return (abi.encodeCall(AccessManager.retrained, (patient, newest, bytes32(chance))), 0);
        if (kind == 3) return (abi.encodeCall(AccessManager.judge, (uint32(chance % 3), 1)), 0);
        return (abi.encodeCall(AccessManager.trained, (bytes32(chance))), 0);
    }

    /// @dev Every patient is in a phase of its own.
    function _repeatable(uint256) internal pure override returns (bool) {
        return true;
    }

    /// @dev What was posted is never taken back.
    function _stand() internal view override returns (uint256 sum) {
        for (uint256 i = 1; i < 4; i++) sum += _posts(parties[i]);
    }

    /// @dev The last block in which a version may be judged.
    function _deadline() internal view override returns (uint256 last) {
        for (uint256 i = 1; i < 4; i++) {
            uint256 own = Deadline.unwrap(AccessManager(it).waitsUntil(parties[i]));
            if (own > last) last = own;
        }
    }

    function _resting() internal view override returns (bool) {
        return _deadline() == 0;
    }

    function _end(address who) internal override returns (bool) {
        for (uint256 i = 1; i < 4; i++) {
            if (_call(who, abi.encodeCall(AccessManager.close, (parties[i])), 0)) return true;
        }
        return false;
    }

    function _posts(address patient) private view returns (uint256 count) {
        while (AccessManager(it).posted(patient, _data(patient, count))) count++;
    }

    function _data(address patient, uint256 number) private pure returns (bytes32) {
        return keccak256(abi.encode(patient, number));
    }

    /// @notice Whoever is no patient has no version, and nobody more versions than it posted records.
    function invariant_noVersionWithoutRecords() external view {
        for (uint256 i = 0; i < 4; i++) {
            require(AccessManager(it).history(parties[i]).length <= _posts(parties[i]), "a version without records");
        }
    }
}
