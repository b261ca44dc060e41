// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {FedCoin} from "../src/FedCoin.sol";
import {Audit, Contract} from "./Audit.sol";

contract FedCoinAudit is Audit {
    uint256 private constant PRICE = 1000;
    address[] private clients;
    address[] private solvers;

    /// @dev Who requests, who serves, two clients, two solvers.
    function setUp() external {
        _gather(6);
        (clients, solvers) = (new address[](2), new address[](2));
        for (uint256 i = 0; i < 2; i++) (clients[i], solvers[i]) = (parties[i + 2], parties[i + 4]);
        MACHINE.prank(parties[0], parties[0]);
        it = address(new FedCoin(parties[1], clients, solvers, PRICE, 70, 10, 2 ** 20, true, 3));
    }

    function _acts() internal pure override returns (uint256) {
        return 5;
    }

    function _act(address who, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        if (kind == 0) return (abi.encodeCall(FedCoin.announce, ()), chance % (2 * PRICE));
        if (kind == 1) return (abi.encodeCall(FedCoin.post, (clients, new string[](2))), 0);
        int32[] memory vector = new int32[](2);
        uint64 round = FedCoin(it).round();
        for (uint256 i = 0; i < 2; i++) vector[i] = int32(uint32(_drawn(who, 2 * round + i, 2 ** 20))) - 2 ** 19;
        bytes32 commitment = keccak256(abi.encodePacked(FedCoin(it).domain(who), bytes32(0), vector));
        if (kind == 2) return (abi.encodeCall(FedCoin.commit, (chance % 8 == 0 ? bytes32(0) : commitment)), 0);
        if (kind == 3) return (abi.encodeCall(FedCoin.reveal, (0, vector)), 0);
        return (abi.encodeCall(Contract.collect, ()), 0);
    }

    function _repeatable(uint256 kind) internal pure override returns (bool) {
        return kind == 4;
    }

    /// @dev A round idles after it was open.
    function _stand() internal view override returns (uint256) {
        return uint256(FedCoin(it).round()) << 8 | (_resting() ? 255 : uint256(FedCoin(it).phase()));
    }

    function _resting() internal view override returns (bool) {
        return FedCoin(it).phase() == FedCoin.Phase.Idle;
    }

    function _owed() internal view override returns (uint256 sum) {
        sum = _resting() ? 0 : PRICE;
        for (uint256 i = 0; i < parties.length; i++) sum += FedCoin(it).credit(parties[i]);
    }

    function _takeHome(address who) internal override {
        _call(who, abi.encodeCall(Contract.collect, ()), 0);
    }
}
