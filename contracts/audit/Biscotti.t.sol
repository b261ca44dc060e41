// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Biscotti} from "../src/Biscotti.sol";
import {Audit} from "./Audit.sol";

contract BiscottiAudit is Audit {
    /// @dev One point commits to an update: that at infinity, whose sums are itself.
    function setUp() external {
        it = address(new Biscotti(_gather(4), 1, 3, 2, 1, 10, 4, 3));
    }

    function _acts() internal pure override returns (uint256) {
        return 8;
    }

    function _act(address, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        Biscotti chain = Biscotti(it);
        bytes32 model = bytes32(chance % 4 == 0 ? uint256(1) : 0);
        uint256 all = 2 ** chain.submitted() - 1;
        uint256 included = chance % 3 == 0 ? chance & all : chain.accepted();
        if (kind == 0) return (abi.encodeCall(Biscotti.register, (0, 0)), 0);
        if (kind == 1) return (abi.encodeCall(Biscotti.submit, (keccak256(new bytes(64)))), 0);
        if (kind == 2) {
            uint256 approved = chance % 2 == 0 ? all : chance & all;
            return (abi.encodeCall(Biscotti.vote, (approved, chance >> 8 & all & ~approved)), 0);
        }
        if (kind == 3) {
            uint256 count = 0;
            for (uint256 i = 0; i < 256; i++) count += included >> i & 1;
            return (abi.encodeCall(Biscotti.propose, (model, included, new uint256[](2 * count))), 0);
        }
        if (kind == 4) return (abi.encodeCall(Biscotti.endorse, (model, included)), 0);
        if (kind == 5) return (abi.encodeCall(Biscotti.refuse, ()), 0);
        if (kind == 6) return (abi.encodeCall(Biscotti.check, (chance % 3 > 0)), 0);
        return (abi.encodeCall(Biscotti.commitNoise, (0)), 0);
    }

    function _repeatable(uint256 kind) internal pure override returns (bool) {
        return kind == 7;
    }

    /// @dev Several may be proposed in an iteration, even in a block.
    function _stand() internal view override returns (uint256) {
        Biscotti chain = Biscotti(it);
        return (uint256(chain.iteration()) << 8 | uint256(chain.phase())) << 64 | chain.proposals();
    }

    /// @dev While too few have come.
    function _resting() internal view override returns (bool) {
        return Biscotti(it).registered() <= Biscotti(it).verifierSeats();
    }
}
