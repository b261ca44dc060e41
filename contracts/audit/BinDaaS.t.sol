// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BinDaaS} from "../src/BinDaaS.sol";
import {Audit} from "./Audit.sol";

contract BinDaaSAudit is Audit {
    uint256 private constant CONSENT = 5;
    address[] private authorities;
    address[] private hospitals;

    /// @dev Two authorities, two hospitals, a provider.
    function setUp() external {
        _gather(5);
        for (uint256 i = 0; i < 2; i++) {
            authorities.push(parties[i]);
            hospitals.push(parties[i + 2]);
        }
        it = address(new BinDaaS(authorities, hospitals, parties[4], 3));
    }

    function _acts() internal pure override returns (uint256) {
        return 11;
    }

    function _act(address, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        uint256[] memory which = new uint256[](1);
        which[0] = chance % 4 == 0 ? 1 : 3;
        if (kind == 0) return (abi.encodeCall(BinDaaS.registerKey, (bytes32(uint256(1)))), 0);
        if (kind == 1) return (abi.encodeCall(BinDaaS.register, (bytes32(uint256(1)), chance % 2 == 0)), 0);
        if (kind == 2) return (abi.encodeCall(BinDaaS.attest, (which, bytes32(uint256(1)))), 0);
        if (kind == 3) return (abi.encodeCall(BinDaaS.vote, (keccak256(abi.encodePacked(which)))), 0);
        if (kind == 4) return (abi.encodeCall(BinDaaS.accept, (which)), 0);
        if (kind == CONSENT) return (abi.encodeCall(BinDaaS.setConsent, (chance % 2 == 0)), 0);
        if (kind == 6) return (abi.encodeCall(BinDaaS.request, (bytes32(chance))), 0);
        if (kind == 7) return (abi.encodeCall(BinDaaS.endorse, (bytes32(uint256(1)))), 0);
        if (kind == 8) return (abi.encodeCall(BinDaaS.redeem, (BinDaaS(it).round())), 0);
        if (kind == 9) return (abi.encodeCall(BinDaaS.publishResult, (bytes32(uint256(1)))), 0);
        return (abi.encodeCall(BinDaaS.object, ()), 0);
    }

    function _repeatable(uint256 kind) internal pure override returns (bool) {
        return kind == CONSENT;
    }

    function _resting() internal view override returns (bool) {
        return BinDaaS(it).phase() == BinDaaS.Phase.Idle;
    }

    /// @notice No record is accepted that not every authority signed.
    function invariant_whatIsAcceptedEveryAuthoritySigned() external view {
        (, bool[] memory accepted,) = BinDaaS(it).standing();
        for (uint256 i = 0; i < hospitals.length; i++) {
            if (!accepted[i]) continue;
            require(BinDaaS(it).recordOf(hospitals[i]) != 0, "a record nobody registered");
            for (uint256 j = 0; j < authorities.length; j++) {
                require(BinDaaS(it).signaturesOf(authorities[j]) != 0, "a record without a signature");
            }
        }
    }
}
