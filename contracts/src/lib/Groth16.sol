// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Groth's proofs (eprint 2016/260) over bn254, checked by the precompiles for its points and pairings
/// @dev A key is alpha, beta, gamma, delta, then a point for the constant one and for each public number. Points of G2
/// have the imaginary part first. Points that do not lie on the curves make a precompile fail: the proof is refused.
library Groth16 {
    /// @dev The order of the groups: public numbers are below it.
    uint256 internal constant FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    /// @dev The field of the coordinates.
    uint256 private constant MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    /// @dev Words of a key before its points for public numbers.
    uint256 private constant HEAD = 14;

    /// @dev How many words a key for so many public numbers has.
    function words(uint256 publics) internal pure returns (uint256) {
        return HEAD + 2 * (publics + 1);
    }

    /// @dev Keep a key as the code of an address, where reading costs a tenth of what storage does. The eleven bytes before it
    /// return what follows them; the zero makes the code stop at once, whoever calls it.
    function keep(uint256[] memory key) internal returns (address at) {
        bytes memory code = abi.encodePacked(hex"600b5981380380925939f3", hex"00", key);
        assembly ("memory-safe") {
            at := create(0, add(code, 32), mload(code))
        }
        require(at != address(0), "key too long");
    }

    /// @dev Whether the proof holds for these public numbers: e(-A, B) e(alpha, beta) e(I, gamma) e(C, delta) = 1, where I is
    /// the sum of the key's points, each times its number.
    /// @param key where `keep` has put it
    /// @param publics numbers below FIELD
    /// @param proof A, B and C
    function verify(address key, uint256[] memory publics, uint256[8] calldata proof) internal view returns (bool) {
        uint256[] memory read = _read(key, words(publics.length));
        if (proof[1] >= MODULUS) return false; // the negative below would make another of the same proof
        (bool summed, uint256 x, uint256 y) = _sum(read, publics);
        uint256[24] memory pairs = [
            proof[0], (MODULUS - proof[1]) % MODULUS, proof[2], proof[3], proof[4], proof[5],
            read[0], read[1], read[2], read[3], read[4], read[5],
            x, y, read[6], read[7], read[8], read[9],
            proof[6], proof[7], read[10], read[11], read[12], read[13]
        ];
        bool called;
        uint256[1] memory one;
        assembly ("memory-safe") {
            called := staticcall(gas(), 8, pairs, 768, one, 32)
        }
        return summed && called && one[0] == 1;
    }

    function _read(address key, uint256 count) private view returns (uint256[] memory read) {
        read = new uint256[](count);
        assembly ("memory-safe") {
            extcodecopy(key, add(read, 32), 1, mul(count, 32))
        }
    }

    /// @dev The first of the points for public numbers, and the others, each times its number.
    function _sum(uint256[] memory read, uint256[] memory publics)
        private
        view
        returns (bool right, uint256 x, uint256 y)
    {
        uint256[5] memory four = [read[HEAD], read[HEAD + 1], 0, 0, 0]; // the sum, a point, its factor
        right = true;
        for (uint256 i; i < publics.length; ++i) {
            (four[2], four[3], four[4]) = (read[HEAD + 2 + 2 * i], read[HEAD + 3 + 2 * i], publics[i]);
            assembly ("memory-safe") {
                right := and(right, staticcall(gas(), 7, add(four, 64), 96, add(four, 64), 64))
                right := and(right, staticcall(gas(), 6, four, 128, four, 64))
            }
        }
        (x, y) = (four[0], four[1]);
    }
}
