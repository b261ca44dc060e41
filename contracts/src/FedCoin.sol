// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";
import {Payments} from "./lib/Payments.sol";

/// @title Proof of Shapley: solvers race to value the clients of federated learning, and the best of them gets all paid
/// @notice Liu, Ai, Sun, Zhang, Liu, Yu 2020 (FedCoin, arXiv 2002.11711). The price of a task is locked, the clients
/// train, and the server names those who did. Every solver commits to a vector of their Shapley values and then reveals
/// it; the vector nearest to the centre of all that were revealed wins if it is no farther than D, and the price is
/// split by it. Otherwise the requester keeps it. Values are fixed point with 20 fractional bits. Models stay off chain
/// under content ids.
/// @dev At any time address(this).balance = the sum of credit + locked().
contract FedCoin {
    using Payments for mapping(address => uint256);

    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice The price of a task is locked: the clients can train.
    event Announced(uint64 indexed round);
    /// @notice The models of `trainers` are to be valued; they lie under `contentIds`.
    event Posted(uint64 indexed round, address[] trainers, string[] contentIds);
    /// @notice `solver` fixed its vector.
    event Committed(uint64 indexed round, address indexed solver);
    /// @notice `solver` showed its vector.
    event Revealed(uint64 indexed round, address indexed solver);
    /// @notice The vector of `winner` counts.
    event Accepted(uint64 indexed round, address indexed winner);
    /// @notice Nobody trained, or no vector lies within D of the centre: nobody is paid.
    event Unpaid(uint64 indexed round);
    /// @notice `payee` earned `amount` wei.
    event Paid(uint64 indexed round, address indexed payee, uint256 amount);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What the task waits for; there is none while idle.
    enum Phase {
        Idle,
        Training,
        Committing,
        Revealing
    }

    /// @dev What a solver did, with the rounds it did so in; what belongs to an earlier round is out of date.
    struct Work {
        uint64 committedIn;
        uint64 revealedIn;
        bytes32 commitment;
        int32[] vector; // a Shapley value for each trainer
    }

    /// @notice 1 in fixed point.
    uint256 public constant ONE = 2 ** 20;

    /// @notice Pays for the tasks.
    address public immutable requester;
    /// @notice Coordinates the clients, merges their models and posts the tasks.
    address public immutable server;
    /// @notice Wei a task costs.
    uint256 public immutable price;
    /// @notice Percent of the price for those who trained.
    uint256 public immutable trainPercent;
    /// @notice Percent of the price for the server. What is left of the price is the winner's.
    uint256 public immutable serverPercent;
    /// @notice D: how far from the centre a vector may lie, fixed point.
    uint32 public immutable maxDistance;
    /// @notice Whether the centre is the median of the vectors in each coordinate; as published it is their average.
    bool public immutable median;
    /// @notice Blocks that a phase lasts at most.
    uint64 public immutable phaseBlocks;

    /// @notice Place of a client in the order of registration, from 1; 0 for others.
    mapping(address => uint256) public place;
    /// @notice Who may value models.
    mapping(address => bool) public isSolver;
    /// @dev The solvers in order of registration.
    address[] private solvers;

    /// @notice What the task waits for.
    Phase public phase;
    /// @notice Number of the latest task, from 1.
    uint64 public round;
    /// @notice Last block in which the phase's acts are accepted.
    Deadline public deadline;
    /// @notice Solvers that committed to a vector of this round.
    uint32 public commits;
    /// @notice Solvers that revealed one.
    uint32 public reveals;
    /// @notice Whose vector the latest task was paid by; nobody's if it is open or was not paid.
    address public winner;
    /// @dev Clients whose models the latest task that was posted values, in order of registration.
    address[] private trainers;
    /// @dev What each solver did last.
    mapping(address => Work) private works;
    /// @notice Wei that an account can take home: the requester's funds, and pay that somebody did not accept.
    mapping(address => uint256) public credit;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @notice The requester fixes who takes part and the terms; the arguments are as the storage says.
    constructor(
        address server_,
        address[] memory clients_,
        address[] memory solvers_,
        uint256 price_,
        uint256 trainPercent_,
        uint256 serverPercent_,
        uint32 maxDistance_,
        bool median_,
        uint64 phaseBlocks_
    ) {
        require(trainPercent_ + serverPercent_ <= 100, "more than the price");
        (requester, server, price) = (msg.sender, server_, price_);
        (trainPercent, serverPercent) = (trainPercent_, serverPercent_);
        (maxDistance, median, phaseBlocks) = (maxDistance_, median_, phaseBlocks_);
        for (uint256 i = 0; i < clients_.length; i++) {
            require(place[clients_[i]] == 0, "client listed twice");
            place[clients_[i]] = i + 1;
        }
        for (uint256 i = 0; i < solvers_.length; i++) {
            require(!isSolver[solvers_[i]], "solver listed twice");
            isSolver[solvers_[i]] = true;
        }
        solvers = solvers_;
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    modifier during(Phase wanted) {
        require(phase == wanted, "not the phase");
        deadline.requireNotPassed();
        _;
    }

    /// @notice The requester locks the price of a task, with its credit and what it pays in; what is over stays credit.
    function announce() external payable {
        require(msg.sender == requester, "not the requester");
        require(phase == Phase.Idle, "a task is open");
        uint256 funds = credit[requester] + msg.value;
        require(funds >= price, "not funded");
        credit[requester] = funds - price;
        (winner, commits, reveals) = (address(0), 0, 0);
        round += 1;
        _open(Phase.Training);
        emit Announced(round);
    }

    /// @notice Ask for the Shapley values of this round's models.
    /// @param trainers_ the clients that trained, in order of registration
    /// @param contentIds where the model of each lies
    function post(address[] calldata trainers_, string[] calldata contentIds) external during(Phase.Training) {
        require(msg.sender == server, "not the server");
        require(trainers_.length > 0, "nobody trained");
        require(trainers_.length == contentIds.length, "lengths differ");
        uint256 last = 0;
        for (uint256 i = 0; i < trainers_.length; i++) {
            require(place[trainers_[i]] > last, "not clients in their order");
            last = place[trainers_[i]];
        }
        trainers = trainers_;
        _open(Phase.Committing);
        emit Posted(round, trainers_, contentIds);
    }

    /// @notice A solver fixes its vector before it can see any other.
    /// @param commitment keccak256(domain(solver) || salt || vector), each value of it as 32 bytes
    function commit(bytes32 commitment) external during(Phase.Committing) {
        Work storage work = works[msg.sender];
        require(isSolver[msg.sender], "not a solver");
        require(work.committedIn < round, "already committed");
        (work.committedIn, work.commitment) = (round, commitment);
        emit Committed(round, msg.sender);
        if (++commits == solvers.length) _open(Phase.Revealing);
    }

    /// @notice A solver shows the vector it committed to.
    function reveal(bytes32 salt, int32[] calldata vector) external during(Phase.Revealing) {
        Work storage work = works[msg.sender];
        require(work.committedIn == round, "nothing committed");
        require(work.revealedIn < round, "already revealed");
        require(vector.length == trainers.length, "a value for each trainer");
        for (uint256 i = 0; i < vector.length; i++) {
            require(_square(vector[i]) <= ONE * ONE, "value out of range");
        }
        bytes32 opened = keccak256(abi.encodePacked(domain(msg.sender), salt, vector));
        require(opened == work.commitment, "commitment not opened");
        (work.revealedIn, work.vector) = (round, vector);
        reveals += 1;
        emit Revealed(round, msg.sender);
    }

    /// @notice Go on once all who committed have revealed, or the phase's deadline has passed: to the reveals where
    /// anything was committed, else to the payment.
    function close() external {
        require(phase != Phase.Idle, "no task is open");
        bool complete = phase == Phase.Revealing && reveals == commits;
        if (!complete) deadline.requirePassed();
        if (phase == Phase.Committing && commits > 0) _open(Phase.Revealing);
        else _decide();
    }

    /// @notice Take home what one has been credited.
    function collect() external {
        credit.collect();
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice Wei of an open task's price.
    function locked() external view returns (uint256) {
        return phase == Phase.Idle ? 0 : price;
    }

    /// @notice What a solver's commitment begins with in this round, so that a copy of it is of no use to another.
    function domain(address solver) public view returns (bytes32) {
        return keccak256(abi.encode(address(this), round, solver));
    }

    /// @notice The vector that a solver revealed in this round; empty if it did not.
    function vectorOf(address solver) public view returns (int32[] memory vector) {
        if (works[solver].revealedIn == round) vector = works[solver].vector;
    }

    /// @notice `scale` times the point that distances are measured from: the sum of the revealed vectors and their
    /// number, or twice the median of each coordinate, where two are in the middle their mean.
    function centre() public view returns (int256[] memory point, int256 scale) {
        point = new int256[](trainers.length);
        int256[] memory column = new int256[](reveals);
        scale = median ? int256(2) : int256(column.length);
        int32[][] memory vectors = _revealed();
        for (uint256 i = 0; i < point.length; i++) {
            for (uint256 j = 0; j < column.length; j++) {
                column[j] = vectors[j][i];
                point[i] += column[j];
            }
            if (median) point[i] = _twiceMedian(column);
        }
    }

    /// @notice The solver whose vector is nearest to the centre and no farther than D, among equals the one that
    /// registered first; nobody if there is none.
    /// @dev Compares (scale * distance) ** 2, in whole numbers, so that nothing is rounded.
    function nearest() public view returns (address solver) {
        (int256[] memory point, int256 scale) = centre();
        uint256 least = _square(scale * int256(uint256(maxDistance))) + 1;
        for (uint256 i = 0; i < solvers.length; i++) {
            int32[] memory vector = vectorOf(solvers[i]);
            if (vector.length == 0) continue;
            uint256 distance = 0;
            for (uint256 j = 0; j < point.length; j++) distance += _square(scale * vector[j] - point[j]);
            if (distance < least) (least, solver) = (distance, solvers[i]);
        }
    }

    /// @notice Who trained in the latest posted task, and the wei each earned in proportion to the winner's value of
    /// it, if that is positive; floored.
    function pay() public view returns (address[] memory, uint256[] memory amounts) {
        amounts = new uint256[](trainers.length);
        int32[] memory vector = vectorOf(winner);
        uint256 sum = 0;
        for (uint256 i = 0; i < vector.length; i++) sum += _positive(vector[i]);
        if (sum == 0) return (trainers, amounts);
        for (uint256 i = 0; i < vector.length; i++) {
            amounts[i] = price * trainPercent / 100 * _positive(vector[i]) / sum;
        }
        return (trainers, amounts);
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    function _open(Phase next) private {
        (phase, deadline) = (next, Deadlines.within(phaseBlocks));
    }

    /// @dev Pay everybody by the winner's vector, or give the price back. What flooring leaves of the server's part is
    /// the winner's; what is left of the trainers' part, all of it if nobody's value is positive, is the requester's.
    function _decide() private {
        phase = Phase.Idle;
        winner = nearest();
        if (winner == address(0)) {
            credit[requester] += price;
            emit Unpaid(round);
            return;
        }
        emit Accepted(round, winner);
        uint256 left = price * trainPercent / 100;
        uint256 commission = price * serverPercent / 100;
        _pay(server, commission);
        _pay(winner, price - left - commission);
        (, uint256[] memory amounts) = pay();
        for (uint256 i = 0; i < amounts.length; i++) {
            left -= amounts[i];
            _pay(trainers[i], amounts[i]);
        }
        credit[requester] += left;
    }

    /// @dev Nobody can hold up the others: a payee gets no gas to speak of, and if it refuses, the wei stay its credit.
    function _pay(address payee, uint256 amount) private {
        if (amount == 0) return;
        emit Paid(round, payee, amount);
        (bool taken,) = payee.call{value: amount, gas: 0}("");
        if (!taken) credit[payee] += amount;
    }

    /// @dev This round's vectors, in order of the solvers.
    function _revealed() private view returns (int32[][] memory vectors) {
        vectors = new int32[][](reveals);
        uint256 found = 0;
        for (uint256 i = 0; i < solvers.length; i++) {
            int32[] memory vector = vectorOf(solvers[i]);
            if (vector.length > 0) vectors[found++] = vector;
        }
    }

    /// @dev The two in the middle of the column, added; the same one twice if their number is odd. Sorts in place.
    function _twiceMedian(int256[] memory column) private pure returns (int256) {
        if (column.length == 0) return 0;
        for (uint256 i = 1; i < column.length; i++) {
            for (uint256 j = i; j > 0 && column[j] < column[j - 1]; j--) {
                (column[j], column[j - 1]) = (column[j - 1], column[j]);
            }
        }
        return column[(column.length - 1) / 2] + column[column.length / 2];
    }

    function _positive(int256 value) private pure returns (uint256) {
        return value > 0 ? uint256(value) : 0;
    }

    function _square(int256 value) private pure returns (uint256) {
        return uint256(value * value);
    }
}
