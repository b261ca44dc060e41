// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @dev The last block in which a phase cannot be ended from outside. In storage and in the ABI it is a uint64.
type Deadline is uint64;

using Deadlines for Deadline global;

/// @title Deadlines, counted in blocks
library Deadlines {
    /// @dev For a phase that any one of its parties can end at once.
    Deadline internal constant NEVER = Deadline.wrap(type(uint64).max);

    /// @dev The deadline so many blocks from now.
    function within(uint256 blocks) internal view returns (Deadline) {
        return Deadline.wrap(uint64(block.number + blocks));
    }

    /// @dev Whether what waits until then has waited long enough.
    function passed(Deadline last) internal view returns (bool) {
        return block.number > Deadline.unwrap(last);
    }

    /// @dev For what ends an overdue phase.
    function requirePassed(Deadline last) internal view {
        require(last.passed(), "before the deadline");
    }

    /// @dev For what a phase no longer takes once it is overdue.
    function requireNotPassed(Deadline last) internal view {
        require(!last.passed(), "too late");
    }
}
