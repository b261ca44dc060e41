// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Baffle} from "../src/Baffle.sol";
import {Audit} from "./Audit.sol";

/// @dev The first of what `hospitals` tells.
interface Places {
    function hospitals(address hospital) external view returns (uint16 place);
}

contract BaffleAudit is Audit {
    uint256 private constant CHUNKS = 2;

    /// @dev Two chunks of eight weights, of which a hospital moves the first by what it is drawn to.
    function setUp() external {
        it = address(new Baffle(_gather(4), 16, 1, 2, CHUNKS, 1000, 1, 3));
    }

    function _acts() internal pure override returns (uint256) {
        return 3;
    }

    function _act(address who, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        (uint256[] memory chunks, uint256[] memory scores) = _trained(who);
        bytes32[] memory hashes = new bytes32[](CHUNKS);
        for (uint256 k = 0; k < CHUNKS; k++) hashes[k] = keccak256(abi.encode(chunks[k]));
        if (kind == 0) return (abi.encodeCall(Baffle.fill, (new uint256[](CHUNKS))), 0);
        if (kind == 1) {
            uint16 place = Places(it).hospitals(who);
            bytes32 commitment = keccak256(abi.encodePacked(place, hashes));
            return (abi.encodeCall(Baffle.bid, (scores, chance % 4 == 0 ? bytes32(0) : commitment)), 0); // or a phantom
        }
        return (abi.encodeCall(Baffle.upload, (_won(who), hashes, _of(chunks, _won(who)))), 0);
    }

    function _end(address who) internal override returns (bool) {
        return _call(who, abi.encodeCall(Baffle.accept, ()), 0)
            || _call(who, abi.encodeCall(Baffle.aggregate, ()), 0)
            || _call(who, abi.encodeCall(Baffle.fill, (new uint256[](CHUNKS))), 0);
    }

    /// @dev While nobody has come who has a model.
    function _resting() internal view override returns (bool) {
        return Baffle(it).phase() == Baffle.Phase.Filling;
    }

    /// @dev The chunks it would upload, and its bids for them.
    function _trained(address who) private view returns (uint256[] memory chunks, uint256[] memory scores) {
        (chunks, scores) = (Baffle(it).model(), new uint256[](1));
        for (uint256 k = 0; k < CHUNKS; k++) {
            uint256 moved = _drawn(who, Baffle(it).round() * CHUNKS + k, 1000);
            uint256 first = uint32((chunks[k] >> 224) + moved);
            chunks[k] = first << 224 | chunks[k] << 32 >> 32;
            scores[0] |= (moved + 1) << 192 - 64 * k;
        }
    }

    /// @dev The chunks it may upload: bit k for chunk k.
    function _won(address who) private view returns (uint32) {
        (address[] memory everybody, uint32[] memory waiting,) = Baffle(it).accepted();
        for (uint256 i = 0; i < everybody.length; i++) if (everybody[i] == who) return waiting[i];
        return 0;
    }

    function _of(uint256[] memory chunks, uint32 which) private pure returns (uint256[] memory data) {
        uint256 count = 0;
        data = new uint256[]((which & 1) + (which >> 1 & 1));
        for (uint256 k = 0; k < CHUNKS; k++) if (which >> k & 1 == 1) data[count++] = chunks[k];
    }
}
