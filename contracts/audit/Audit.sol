// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @dev What forge's machine does for a test, as far as it is used here.
interface Machine {
    function prank(address sender, address origin) external;
    function deal(address account, uint256 amount) external;
    function roll(uint256 number) external;
    function warp(uint256 time) external;
    function prevrandao(bytes32 chance) external;
    function snapshotState() external returns (uint256);
    function revertToState(uint256 snapshot) external returns (bool);
}

/// @dev What most of the contracts let everybody see.
interface Contract {
    function phase() external view returns (uint256);
    function round() external view returns (uint256);
    function deadline() external view returns (uint256);
    function collectable(address party) external view returns (uint256);
    function close() external;
    function collect() external;
}

/// @title Random runs of a contract, at the end of which every set of its parties falls silent for ever
/// @notice Forge has anybody call anything at any time. Meanwhile the contract must hold just what it owes, nobody may
/// act twice in a phase, and phases only go forward. After each run and for each set of sleepers, every phase must end
/// after its deadline, by whoever is awake or by an outsider, and every wei must find its way home.
/// @dev A paper's audit makes `it` in its constructor and says what a party may do. `parties` are all who pay or act.
abstract contract Audit {
    struct FuzzSelector { address addr; bytes4[] selectors; }

    Machine internal constant MACHINE = Machine(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant WEALTH = 1e24;
    /// @dev Seconds from block to block.
    uint256 internal constant SECONDS = 5;
    /// @dev Phases after which all must be settled, or nothing be learned from more.
    uint256 internal windows = 20;

    address internal it;
    address[] internal parties;
    address internal constant OUTSIDER = address(0xffff0000);
    /// @dev What was done in a phase, and by whom.
    mapping(bytes32 => bool) private done;
    uint256 private before;

    // ------------------------------------------------------------ what a paper says

    /// @dev How many kinds of acts there are.
    function _acts() internal view virtual returns (uint256);

    /// @dev The call by which somebody does an act of this kind, with whatever follows from `chance`.
    function _act(address who, uint256 kind, uint256 chance) internal view virtual returns (bytes memory, uint256 value);

    /// @dev Whether one may do an act of this kind again in a phase.
    function _repeatable(uint256) internal view virtual returns (bool) {
        return false;
    }

    /// @dev How far the contract is. This never falls.
    function _stand() internal view virtual returns (uint256) {
        return Contract(it).round() << 8 | Contract(it).phase();
    }

    function _deadline() internal view virtual returns (uint256) {
        return Contract(it).deadline();
    }

    /// @dev Whether the contract waits for nobody: all is over, or nobody has come yet.
    function _resting() internal view virtual returns (bool) {
        return false;
    }

    /// @dev Have somebody try what may end an overdue phase; returns whether anything was accepted.
    function _end(address who) internal virtual returns (bool) {
        return _call(who, abi.encodeCall(Contract.close, ()), 0);
    }

    /// @dev Wei that the contract owes or keeps for something.
    function _owed() internal view virtual returns (uint256) {
        return 0;
    }

    /// @dev Have somebody take home what it can.
    function _takeHome(address) internal virtual {}

    // -------------------------------------------------------------- what forge does

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(this);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(this);
        targets[0].selectors = new bytes4[](4);
        targets[0].selectors[0] = this.somebodyActs.selector;
        targets[0].selectors[1] = this.someDoWhatTheyMay.selector;
        targets[0].selectors[2] = this.blocksPass.selector;
        targets[0].selectors[3] = this.somebodyEnds.selector;
    }

    /// @notice Somebody does something, right or wrong.
    function somebodyActs(uint256 who, uint256 kind, uint256 chance) external {
        uint256 one = who % (parties.length + 1);
        _does(one == 0 ? OUTSIDER : parties[one - 1], kind % _acts(), chance);
    }

    /// @notice Everybody, or those of a random set, do what they may, in a random order.
    function someDoWhatTheyMay(uint256 set, bool all, uint256 first, uint256 chance) external {
        for (uint256 i = 0; i < parties.length; i++) {
            if (all || set >> i & 1 == 1) _doesWhatItMay(parties[(first % parties.length + i) % parties.length], chance);
        }
    }

    /// @notice Blocks are made.
    function blocksPass(uint256 blocks) external {
        _wait(blocks % 4);
    }

    /// @notice Somebody tries to end a phase, overdue or not.
    function somebodyEnds(uint256 who, bool overdue) external {
        if (overdue) _passDeadline();
        _end(parties[who % parties.length]);
        _check();
    }

    function invariant_whatItHoldsIsWhatItOwes() external view {
        require(it.balance == _owed(), "what the contract holds is not what it owes");
    }

    /// @notice At the end of a run, every set of parties falls asleep, one after the other.
    function afterInvariant() external {
        for (uint256 sleepers = 0; sleepers < 2 ** parties.length; sleepers++) {
            uint256 snapshot = MACHINE.snapshotState();
            for (uint256 i = 0; i < windows && !_resting(); i++) _outlast(sleepers);
            for (uint256 i = 0; i < parties.length; i++) _takeHome(parties[i]);
            _takeHome(OUTSIDER);
            require(it.balance == 0, "wei are locked for ever");
            MACHINE.revertToState(snapshot);
        }
    }

    // --------------------------------------------------------------------- internal

    /// @dev A phase ends in which the sleepers do nothing, and the others no more than end it.
    function _outlast(uint256 sleepers) private {
        (uint256 stand, uint256 deadline) = (_stand(), _deadline());
        _passDeadline();
        while (_stand() == stand && _deadline() == deadline) { // some first remove who is late, one by one
            bool ended = _end(OUTSIDER);
            for (uint256 i = 0; i < parties.length && !ended; i++) {
                if (sleepers >> i & 1 == 0) ended = _end(parties[i]);
            }
            require(ended, string.concat("a phase never ends while these sleep: ", _names(sleepers)));
        }
        _check();
    }

    function _doesWhatItMay(address who, uint256 chance) private {
        for (uint256 kind = 0; kind < _acts(); kind++) {
            if (!_does(who, kind, chance)) continue;
            for (uint256 i = 0; i < parties.length && _repeatable(kind); i++) _does(who, kind, chance);
            break;
        }
    }

    function _does(address who, uint256 kind, uint256 chance) private returns (bool accepted) {
        bytes32 act = keccak256(abi.encode(_stand(), _deadline(), who, kind));
        (bytes memory data, uint256 value) = _act(who, kind, chance);
        accepted = _call(who, data, value);
        if (!accepted) return false;
        require(!done[act] || _repeatable(kind), "somebody acts twice in a phase");
        done[act] = true;
        _check();
    }

    function _check() private {
        uint256 stand = _stand();
        require(stand >= before, "a phase goes back");
        before = stand;
    }

    function _call(address who, bytes memory data, uint256 value) internal returns (bool accepted) {
        MACHINE.prank(who, who);
        (accepted,) = it.call{value: value}(data);
    }

    function _passDeadline() internal virtual {
        uint256 deadline = _deadline();
        if (block.number <= deadline && deadline < type(uint64).max) _wait(deadline + 1 - block.number);
    }

    function _wait(uint256 blocks) internal {
        MACHINE.roll(block.number + blocks);
        MACHINE.warp(block.timestamp + SECONDS * blocks);
        MACHINE.prevrandao(keccak256(abi.encode(block.number)));
    }

    /// @dev The sum of what everybody may collect.
    function _collectable() internal view returns (uint256 sum) {
        sum = Contract(it).collectable(OUTSIDER);
        for (uint256 i = 0; i < parties.length; i++) sum += Contract(it).collectable(parties[i]);
    }

    /// @dev A number drawn for somebody and something, the same at each call.
    function _drawn(address who, uint256 about, uint256 below) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(who, about))) % below;
    }

    /// @dev The places of a set of parties.
    function _names(uint256 set) private view returns (string memory names) {
        for (uint8 i = 0; i < parties.length; i++) {
            if (set >> i & 1 == 1) names = string.concat(names, " ", string(abi.encodePacked(bytes1(48 + i))));
        }
    }

    /// @dev So many parties with wealth.
    function _gather(uint256 count) internal returns (address[] memory) {
        for (uint256 i = 0; i < count; i++) {
            parties.push(address(uint160(0xabcd0000 + i)));
            MACHINE.deal(parties[i], WEALTH);
        }
        return parties;
    }
}
