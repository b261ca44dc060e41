// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BFLC} from "../src/BFLC.sol";
import {Audit} from "./Audit.sol";

contract BFLCAudit is Audit {
    function setUp() external {
        it = address(new BFLC(_gather(4), 2, 2, 1, false, 3));
    }

    function _acts() internal pure override returns (uint256) {
        return 4;
    }

    function _act(address who, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        BFLC bflc = BFLC(it);
        uint256 epoch = bflc.epoch();
        if (kind == 0) return (abi.encodeCall(BFLC.register, ()), 0);
        if (kind == 1) return (abi.encodeCall(BFLC.propose, (string(abi.encode(who, chance % 2)))), 0);
        if (kind == 2) {
            (address[] memory trainers,) = bflc.updates(epoch);
            uint32[] memory scores = new uint32[](trainers.length);
            for (uint256 i = 0; i < scores.length; i++) scores[i] = uint32((chance >> 32 * i) % bflc.SCALE());
            return (abi.encodeCall(BFLC.score, (scores)), 0);
        }
        return (abi.encodeCall(BFLC.confirm, (epoch - (epoch > 0 ? 1 : 0), bytes32(chance % 2))), 0);
    }

    function _stand() internal view override returns (uint256) {
        return BFLC(it).epoch() << 8 | uint256(BFLC(it).phase());
    }

    function _resting() internal view override returns (bool) {
        return BFLC(it).registered() < 2;
    }
}
