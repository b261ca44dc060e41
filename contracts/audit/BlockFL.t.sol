// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BlockFL} from "../src/BlockFL.sol";
import {Audit, Contract} from "./Audit.sol";

contract BlockFLAudit is Audit {
    uint256 private constant REWARD = 7;

    /// @dev Two devices, two miners, and who paid the pot.
    function setUp() external {
        _gather(5);
        address[] memory devices = new address[](2);
        address[] memory miners = new address[](2);
        uint64[] memory samples = new uint64[](2);
        for (uint256 i = 0; i < 2; i++) (devices[i], miners[i], samples[i]) = (parties[i], parties[i + 2], 5);
        MACHINE.prank(parties[4], parties[4]);
        it = address(new BlockFL{value: 100}(devices, samples, miners, [uint256(3), 2], 1, 0, 0, [REWARD, 3]));
    }

    function _acts() internal pure override returns (uint256) {
        return 5;
    }

    function _act(address, uint256 kind, uint256 chance) internal view override returns (bytes memory, uint256) {
        uint256 epoch = BlockFL(it).epoch();
        if (kind == 0) {
            uint64 samples = uint64(chance % 7);
            return (abi.encodeCall(BlockFL.upload, ("bafy", samples, samples, parties[2 + chance % 2])), 0);
        }
        if (kind == 1) {
            address device = parties[chance / 2 % 2];
            BlockFL.Update memory update = BlockFL(it).updateOf(epoch, device);
            (uint64 samples, uint64 time) = (update.samples, update.computation);
            return (abi.encodeCall(BlockFL.verify, (device, update.content, samples, time)), samples * REWARD);
        }
        if (kind == 2) return (abi.encodeCall(BlockFL.pack, (chance)), 0);
        if (kind == 3) return (abi.encodeCall(BlockFL.confirm, (epoch - 1, bytes32(chance % 2))), 0);
        return (abi.encodeCall(BlockFL.collect, ()), 0);
    }

    /// @dev An update may be replaced; a miner has several devices.
    function _repeatable(uint256 kind) internal pure override returns (bool) {
        return kind == 0 || kind == 1 || kind == 4;
    }

    function _stand() internal view override returns (uint256) {
        return BlockFL(it).epoch();
    }

    /// @dev After its deadline an epoch is the miners' for a while.
    function _deadline() internal view override returns (uint256) {
        return Contract(it).deadline() + BlockFL(it).graceBlocks();
    }

    function _owed() internal view override returns (uint256) {
        return BlockFL(it).pot() + _collectable();
    }

    function _takeHome(address who) internal override {
        _call(who, abi.encodeCall(Contract.collect, ()), 0);
    }
}
