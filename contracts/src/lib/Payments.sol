// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Pull payments: what a contract owes stays with it until the creditor comes, so that none can hold up another
library Payments {
    /// @notice `party` took `amount` wei home.
    event Collected(address indexed party, uint256 amount);

    /// @dev Pay the sender all it is owed. The debt is gone before the payment, so paying runs no code that sees it.
    function collect(mapping(address => uint256) storage owed) internal {
        uint256 amount = owed[msg.sender];
        require(amount > 0, "nothing to collect");
        owed[msg.sender] = 0;
        emit Collected(msg.sender, amount);
        (bool paid,) = msg.sender.call{value: amount}("");
        require(paid, "payment refused");
    }
}
