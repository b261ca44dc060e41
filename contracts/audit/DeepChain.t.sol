// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {DeepChain} from "../src/DeepChain.sol";
import {EqualLogarithms} from "../src/lib/EqualLogarithms.sol";
import {Audit, Contract} from "./Audit.sol";

contract DeepChainAudit is Audit {
    uint256 private constant DEPOSIT = 1000;
    uint256 private constant FEE = 7;
    bytes private key;

    /// @dev Three hospitals, of whom two open a sum, and two workers. A number has 32 bytes, a sum one of them.
    function setUp() external {
        _gather(5);
        key = abi.encode(type(uint256).max, 4, 4); // odd modulus, v, v_i
        (address[] memory hospitals, bytes32[] memory keys, address[] memory workers) =
            (new address[](3), new bytes32[](3), new address[](2));
        for (uint256 i = 0; i < 3; i++) (hospitals[i], keys[i]) = (parties[i], keccak256(key));
        (workers[0], workers[1]) = (parties[3], parties[4]);
        it = address(new DeepChain(hospitals, keys, workers, 2, DEPOSIT, FEE, 128, 3));
    }

    function _acts() internal pure override returns (uint256) {
        return 8;
    }

    function _act(address who, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        if (kind == 0) return (abi.encodeCall(DeepChain.join, ()), chance % 16 == 0 ? 0 : DEPOSIT);
        if (kind == 1) return (abi.encodeCall(DeepChain.upload, (bytes32(0))), FEE);
        bytes memory sum = abi.encode(uint256(2));
        if (kind == 2) {
            uint256 included = DeepChain(it).uploaded() & (chance % 4 == 0 ? 3 : 7);
            return (abi.encodeCall(DeepChain.claim, (keccak256(sum), included)), 0);
        }
        if (kind == 3) return (abi.encodeCall(DeepChain.submit, (_message(who))), 0);
        address other = parties[chance % 3];
        if (kind == 4) return (abi.encodeCall(DeepChain.dispute, (other, key, sum, _message(other))), 0);
        if (kind == 5) return (abi.encodeCall(DeepChain.approve, ()), 0);
        if (kind == 6) return (abi.encodeCall(DeepChain.leave, ()), 0);
        return (abi.encodeCall(Contract.collect, ()), 0);
    }

    /// @dev The first hospital's parts are right: all logarithms are 1, commitments 1, the answer the challenge. The
    /// others' are numbers.
    function _message(address who) private view returns (bytes memory) {
        (uint256 part, uint256 one) = (who == parties[0] ? 4 : 9, 1);
        bytes32 occasion = DeepChain(it).domain(who);
        bytes32 seed = keccak256(abi.encodePacked(occasion, keccak256(key), abi.encode(uint256(2)), part));
        uint256 challenge = uint128(bytes16(keccak256(abi.encodePacked(seed, one, one))));
        return abi.encode(part, one, one, challenge);
    }

    /// @dev Whoever leaves may join again, and the other way round; one may dispute several.
    function _repeatable(uint256 kind) internal pure override returns (bool) {
        return kind == 0 || kind == 4 || kind >= 6;
    }

    function _resting() internal view override returns (bool) {
        return _deadline() == type(uint64).max;
    }

    function _owed() internal view override returns (uint256 sum) {
        return DeepChain(it).held() + _collectable();
    }

    function _takeHome(address who) internal override {
        _call(who, abi.encodeCall(Contract.collect, ()), 0);
    }

    /// @notice Products are those of the EVM where they fit, whatever their width.
    function testFuzz_productsAreRight(uint128 one, uint128 other, uint128 high) external pure {
        bytes memory product = EqualLogarithms.multiplied(abi.encode(one), abi.encode(other));
        require(keccak256(product) == keccak256(abi.encode(0, uint256(one) * other)), "not the product");
        product = EqualLogarithms.multiplied(abi.encodePacked(high, one), abi.encode(other));
        uint256 carry = (uint256(one) * other >> 128) + uint256(high) * other;
        bytes memory expected = abi.encodePacked(uint128(0), carry, uint128(uint256(one) * other));
        require(keccak256(product) == keccak256(expected), "not the long product");
    }

    /// @notice A right proof holds, and with any other answer it does not.
    function testFuzz_proofsAreToldApart(uint128 wrong) external view {
        bytes memory message = _message(parties[0]);
        bytes memory sum = abi.encode(uint256(2));
        bytes32 occasion = DeepChain(it).domain(parties[0]);
        require(this.holds(occasion, key, sum, message), "a right proof fails");
        (uint256 part, uint256 a, uint256 b, uint256 answer) = abi.decode(message, (uint256, uint256, uint256, uint256));
        unchecked {
            message = abi.encode(part, a, b, answer ^ wrong);
        }
        // powers of 4 are back at the start modulo 2^256 - 1 after 128
        require(wrong % 128 == 0 || !this.holds(occasion, key, sum, message), "a wrong proof holds");
    }

    function holds(bytes32 occasion, bytes calldata key_, bytes calldata sum, bytes calldata message)
        external
        view
        returns (bool)
    {
        return EqualLogarithms.hold(occasion, key_, sum, message);
    }
}
