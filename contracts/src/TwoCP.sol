// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";

/// @title One training run of 2CP: updates are committed to, revealed, and given tokens by the run's evaluator
/// @notice Cai, Rueckert, Passerat-Palmbach 2020 (arXiv 2011.07516). Models stay off chain under content ids, whose
/// 32-byte digests stand here. Who may take part is known to the protocol, through which every act comes.
contract Crowdsource {
    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What the round waits for.
    enum Phase {
        Committing,
        Revealing
    }

    /// @dev What a trainer did, with the rounds it did so in; what belongs to an earlier round is out of date.
    struct Turn {
        uint64 committedIn;
        uint64 revealedIn;
        bytes32 commitment;
    }

    /// @dev An update: whose it is, of which round, whether its tokens are set.
    struct Content {
        address trainer;
        uint64 round;
        bool scored;
    }

    /// @notice Tokens of an update that takes a loss of 1 to 0: the most that one can earn.
    uint256 public constant ONE = 1e18;

    /// @notice The contract that made this one.
    address public immutable protocol;
    /// @notice Sets the tokens and does not train here; nobody in the main run of a consortium.
    address public immutable evaluator;
    /// @notice Updates after which a round takes no more.
    uint32 public immutable maxUpdates;
    /// @notice Tokens that the evaluator can give for a round, all together; as published there is no such limit.
    uint256 public immutable budget;
    /// @notice Blocks that a phase lasts at most.
    uint64 public immutable phaseBlocks;

    /// @notice The round that is open, from 1.
    uint64 public round = 1;
    /// @notice Last block in which the phase's acts are accepted; there is none until somebody begins the round.
    Deadline public deadline = Deadlines.NEVER;
    /// @notice Trainers that committed to an update of this round.
    uint32 public commits;
    /// @notice Trainers that revealed one.
    uint32 public reveals;
    /// @notice What the round waits for.
    Phase public phase;
    /// @dev What each trainer did last.
    mapping(address => Turn) private turns;
    /// @notice Updates by digest.
    mapping(bytes32 => Content) public contents;
    /// @dev Digests of a round's updates, in order of revealing.
    mapping(uint64 => bytes32[]) private digests;
    /// @dev Tokens given for a round, where there is a budget.
    mapping(uint64 => uint256) private given;
    /// @notice Tokens that a trainer earned here.
    mapping(address => uint256) public tokens;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @notice The protocol opens a run; the arguments are as the storage says.
    constructor(address evaluator_, uint32 maxUpdates_, uint256 budget_, uint64 phaseBlocks_) {
        (protocol, evaluator, maxUpdates) = (msg.sender, evaluator_, maxUpdates_);
        (budget, phaseBlocks) = (budget_, phaseBlocks_);
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    modifier throughProtocol() {
        require(msg.sender == protocol, "not the protocol");
        _;
    }

    /// @notice A trainer fixes its update of the open round before it can see any other.
    /// @param commitment keccak256(domain(trainer) || salt || digest)
    function commit(address trainer, bytes32 commitment) external throughProtocol returns (uint64) {
        Turn storage turn = turns[trainer];
        require(trainer != evaluator, "evaluators do not train");
        require(phase == Phase.Committing, "not the phase");
        deadline.requireNotPassed();
        require(turn.committedIn < round, "already committed");
        (turn.committedIn, turn.commitment) = (round, commitment);
        if (commits == 0) deadline = Deadlines.within(phaseBlocks);
        if (++commits == maxUpdates) _reveal();
        return round;
    }

    /// @notice A trainer names the update it committed to; returns whether it is new, and whether that ended the round.
    /// Bytes that were revealed here before, by whomever, are a copy: it earns nothing, and holds up nobody.
    function reveal(address trainer, bytes32 salt, bytes32 digest)
        external
        throughProtocol
        returns (bool fresh, bool ended)
    {
        Turn storage turn = turns[trainer];
        require(phase == Phase.Revealing, "not the phase");
        deadline.requireNotPassed();
        require(turn.committedIn == round, "nothing committed");
        require(turn.revealedIn < round, "already revealed");
        require(keccak256(abi.encodePacked(domain(trainer), salt, digest)) == turn.commitment, "commitment not opened");
        turn.revealedIn = round;
        fresh = contents[digest].trainer == address(0);
        if (fresh) {
            contents[digest] = Content(trainer, round, false);
            digests[round].push(digest);
        }
        ended = ++reveals == commits;
        if (ended) _end();
    }

    /// @notice Go on without those who are late, if that is so; returns whether the run went on, and whether that ended
    /// the round.
    function close() external throughProtocol returns (bool closed, bool ended) {
        closed = deadline.passed();
        if (!closed) return (false, false);
        ended = phase == Phase.Revealing;
        if (ended) _end();
        else _reveal();
    }

    /// @notice The evaluator gives an update of a round that is over its tokens; returns whose it is.
    function setTokens(address sender, bytes32 digest, uint256 amount) external throughProtocol returns (address) {
        Content storage content = contents[digest];
        require(sender == evaluator, "not the evaluator");
        require(content.trainer != address(0), "nobody's update");
        require(content.round < round, "round not over");
        require(!content.scored, "already scored");
        require(amount <= ONE, "more than all of a loss");
        if (budget < type(uint256).max) {
            given[content.round] += amount;
            require(given[content.round] <= budget, "more than the budget");
        }
        content.scored = true;
        tokens[content.trainer] += amount;
        return content.trainer;
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice What a trainer's commitment begins with in the open round, so that a copy of it is of no use to another.
    function domain(address trainer) public view returns (bytes32) {
        return keccak256(abi.encode(address(this), round, trainer));
    }

    /// @notice Digests of a round's updates.
    function updates(uint64 round_) external view returns (bytes32[] memory) {
        return digests[round_];
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    /// @dev Counted from the last deadline, so that runs begun together can be revealed together, complete or not.
    function _reveal() private {
        (phase, deadline) = (Phase.Revealing, Deadline.wrap(Deadline.unwrap(deadline) + phaseBlocks));
    }

    /// @dev The next round's time begins with its first commitment.
    function _end() private {
        (phase, deadline, commits, reveals) = (Phase.Committing, Deadlines.NEVER, 0, 0);
        round += 1;
    }
}

/// @title 2CP: who trained a model together owns it in proportion to the tokens its updates earned
/// @notice Cai, Rueckert, Passerat-Palmbach 2020 (arXiv 2011.07516). In a crowdsource there is one run, which an
/// evaluator with patients of its own scores. In a consortium nobody has such patients: nobody scores the main run, and
/// each trainer scores an auxiliary run that the others train. Run 0 is the main one.
contract TwoCP {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice A run is open, at this address.
    event RunOpened(uint256 indexed run, address indexed evaluator, address at);
    /// @notice A trainer fixed its update.
    event Committed(uint256 indexed run, uint64 indexed round, address indexed trainer);
    /// @notice A trainer's update lies under the content id with this digest.
    event Revealed(uint256 indexed run, address indexed trainer, bytes32 digest);
    /// @notice What a trainer committed to is what somebody revealed before, and counts for nothing.
    event Copied(uint256 indexed run, address indexed trainer, bytes32 digest);
    /// @notice A run's round is over.
    event RoundEnded(uint256 indexed run);
    /// @notice An update earned its trainer so many tokens.
    event TokensSet(uint256 indexed run, address indexed trainer, bytes32 digest, uint256 amount);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice Who opened the protocol, and opens the auxiliary runs.
    address public immutable founder;
    /// @notice Whether trainers score one another.
    bool public immutable consortium;
    /// @notice How many may train.
    uint32 public immutable trainers;
    /// @notice Tokens that a run's evaluator can give for a round.
    uint256 public immutable budget;
    /// @notice Blocks that a phase of a run lasts at most.
    uint64 public immutable phaseBlocks;

    /// @notice Who may train.
    mapping(address => bool) public isTrainer;
    /// @notice Number of the auxiliary run that a trainer scores; 0 if there is none.
    mapping(address => uint256) public auxiliaryOf;
    /// @notice The main run, then the auxiliary ones.
    Crowdsource[] public runs;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @notice List the trainers and open the main run; without an evaluator this is a consortium.
    constructor(address evaluator, address[] memory trainers_, uint256 budget_, uint64 phaseBlocks_) {
        (founder, consortium) = (msg.sender, evaluator == address(0));
        (trainers, budget, phaseBlocks) = (uint32(trainers_.length), budget_, phaseBlocks_);
        for (uint256 i = 0; i < trainers_.length; i++) {
            require(!isTrainer[trainers_[i]], "trainer listed twice");
            isTrainer[trainers_[i]] = true;
        }
        require(!isTrainer[evaluator], "evaluators do not train");
        _open(evaluator, trainers);
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    /// @notice Open the run that `evaluator` scores and all others train.
    function addAux(address evaluator) external {
        require(msg.sender == founder, "not the founder");
        require(consortium, "not a consortium");
        require(isTrainer[evaluator], "not a trainer");
        require(auxiliaryOf[evaluator] == 0, "already has a run");
        require(trainers > 1, "nobody else would train");
        auxiliaryOf[evaluator] = runs.length;
        _open(evaluator, trainers - 1);
    }

    /// @notice A trainer fixes its updates of some runs, one each; see `Crowdsource.commit`.
    function commit(uint256[] calldata which, bytes32[] calldata commitments) external {
        require(isTrainer[msg.sender], "not a trainer");
        require(which.length == commitments.length, "lengths differ");
        for (uint256 i = 0; i < which.length; i++) {
            uint64 round = runs[which[i]].commit(msg.sender, commitments[i]);
            emit Committed(which[i], round, msg.sender);
        }
    }

    /// @notice A trainer names the updates it committed to.
    function reveal(uint256[] calldata which, bytes32[] calldata salts, bytes32[] calldata digests) external {
        require(which.length == salts.length && salts.length == digests.length, "lengths differ");
        for (uint256 i = 0; i < which.length; i++) {
            (bool fresh, bool ended) = runs[which[i]].reveal(msg.sender, salts[i], digests[i]);
            if (fresh) emit Revealed(which[i], msg.sender, digests[i]);
            else emit Copied(which[i], msg.sender, digests[i]);
            if (ended) emit RoundEnded(which[i]);
        }
    }

    /// @notice Let every run whose deadline has passed go on without those who are late.
    function close() external {
        bool any = false;
        for (uint256 i = 0; i < runs.length; i++) {
            (bool closed, bool ended) = runs[i].close();
            if (ended) emit RoundEnded(i);
            any = any || closed;
        }
        require(any, "before the deadline");
    }

    /// @notice A run's evaluator gives updates their tokens, once each.
    function setTokens(uint256 run, bytes32[] calldata digests, uint256[] calldata amounts) external {
        require(digests.length == amounts.length, "lengths differ");
        for (uint256 i = 0; i < digests.length; i++) {
            address trainer = runs[run].setTokens(msg.sender, digests[i], amounts[i]);
            emit TokensSet(run, trainer, digests[i], amounts[i]);
        }
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice Tokens that an account earned in all runs together.
    function countTokens(address account) external view returns (uint256 sum) {
        for (uint256 i = 0; i < runs.length; i++) sum += runs[i].tokens(account);
    }

    /// @notice The open round of each run.
    function rounds() external view returns (uint64[] memory open) {
        open = new uint64[](runs.length);
        for (uint256 i = 0; i < open.length; i++) open[i] = runs[i].round();
    }

    /// @notice Whether a run that somebody has begun is in this phase.
    function waits(Crowdsource.Phase phase) external view returns (bool) {
        for (uint256 i = 0; i < runs.length; i++) {
            if (runs[i].phase() == phase && runs[i].commits() > 0) return true;
        }
        return false;
    }

    /// @notice The first of the runs' deadlines; there is none while nobody has begun a round.
    function deadline() external view returns (Deadline first) {
        first = Deadlines.NEVER;
        for (uint256 i = 0; i < runs.length; i++) {
            Deadline own = runs[i].deadline();
            if (Deadline.unwrap(own) < Deadline.unwrap(first)) first = own;
        }
    }

    /// @notice Trainers and digests of the updates of a run's round, in order of revealing.
    function updates(uint256 run, uint64 round) external view returns (address[] memory who, bytes32[] memory digests) {
        digests = runs[run].updates(round);
        who = new address[](digests.length);
        for (uint256 i = 0; i < digests.length; i++) (who[i],,) = runs[run].contents(digests[i]);
    }

    /// @notice What a trainer's commitments to updates of all runs begin with; see `Crowdsource.domain`.
    function domains(address trainer) external view returns (bytes32[] memory all) {
        all = new bytes32[](runs.length);
        for (uint256 i = 0; i < all.length; i++) all[i] = runs[i].domain(trainer);
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    function _open(address evaluator, uint32 maxUpdates) private {
        Crowdsource run = new Crowdsource(evaluator, maxUpdates, budget, phaseBlocks);
        emit RunOpened(runs.length, evaluator, address(run));
        runs.push(run);
    }
}
