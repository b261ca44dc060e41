// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";

/// @title Committee consensus (BFLC) after Li et al., IEEE Network 35(1), 2021, arXiv 2004.00773
/// @notice In each epoch hospitals propose trained models, a committee of hospitals scores all of them, the models with
/// the best median scores are merged and their trainers are the next committee. Models stay off chain under content ids.
contract BFLC {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice A hospital of the consortium took its place.
    event Registered(address indexed hospital);
    /// @notice A trainer's model is among those that the committee will score.
    event Proposed(uint256 indexed epoch, address indexed trainer, string cid);
    /// @notice A member scored every model of the epoch.
    event Scored(uint256 indexed epoch, address indexed member);
    /// @notice The so many best models of the epoch make the next global model.
    event Merged(uint256 indexed epoch, uint256 models);
    /// @notice Nobody proposed, or too few members scored, in time: the global model stays as it is.
    event Abandoned(uint256 indexed epoch);
    /// @notice More than half of the committee computed this global model from the epoch's best.
    event Confirmed(uint256 indexed epoch, bytes32 model);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What the contract waits for.
    enum Phase { Registering, Collecting, Scoring, Drawing }

    /// @notice Where an account stands in the consortium.
    enum Standing { Outsider, Listed, Registered }

    /// @notice What an account has done in an epoch; from `Seated` on it is a member of the committee.
    enum Duty { None, Proposed, Seated, Scored, Confirmed }

    /// @dev Everything about one epoch; `Epoch` 0 stays empty.
    struct Epoch {
        address[] committee; // members in order of election
        address[] trainers; // those whose models were taken, in order of proposal
        uint32[][] scores; // a row a member that scored: a score a model, in the order of `trainers`
        uint256 merged; // how many of the best models were merged; 0 while undecided or abandoned
        bytes32 model; // SHA-256 of the global model that a majority confirmed; 0 without one
        mapping(address => string) cid; // content id of a trainer's model
        mapping(bytes32 => bool) taken; // by the hash of a content id, whether somebody proposed it
        mapping(address => Duty) duty; // role and progress of an account
        mapping(bytes32 => uint256) votes; // members that confirmed a global model
    }

    /// @notice The score of a model that is right about every patient.
    uint256 public constant SCALE = 1_000_000;

    /// @notice Hospitals in the consortium.
    uint256 public immutable hospitals;
    /// @notice Seats on a committee.
    uint256 public immutable committeeSize;
    /// @notice Models after which an epoch takes no more.
    uint256 public immutable updatesWanted;
    /// @notice Models merged when all that were wanted came; of fewer, the same share rounded up.
    uint256 public immutable updatesMerged;
    /// @notice Blocks after which anybody may close a phase.
    uint256 public immutable phaseBlocks;
    /// @notice Whether the median of an even number of scores is the lower of the two middle ones, not their mean.
    bool public immutable lowerMedian;

    /// @notice What the contract waits for now.
    Phase public phase;
    /// @notice The present epoch, from 1; 0 while the first hospitals register.
    uint256 public epoch;
    /// @notice The last block in which the present phase cannot be closed.
    Deadline public deadline;
    /// @dev Hospitals that registered, in order.
    address[] private roster;
    /// @notice Where an account stands in the consortium.
    mapping(address => Standing) public standing;
    /// @dev All epochs by number: nothing is cleared, so every decision can be checked later.
    mapping(uint256 => Epoch) private epochs;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @param consortium the hospitals that may register
    /// @param committeeSize_ seats on a committee
    /// @param updatesWanted_ models an epoch takes; at least a committee's worth, at most one from each trainer
    /// @param updatesMerged_ how many of them are merged
    /// @param lowerMedian_ lower median instead of the paper's mean of the two middle scores
    /// @param phaseBlocks_ blocks after which anybody may close a phase
    constructor(
        address[] memory consortium,
        uint256 committeeSize_,
        uint256 updatesWanted_,
        uint256 updatesMerged_,
        bool lowerMedian_,
        uint256 phaseBlocks_
    ) {
        hospitals = consortium.length;
        require(committeeSize_ > 0 && committeeSize_ < consortium.length, "no committee or no trainers");
        require(updatesWanted_ >= committeeSize_, "too few updates to elect from");
        require(updatesWanted_ <= consortium.length - committeeSize_, "more updates than trainers");
        require(updatesMerged_ > 0 && updatesMerged_ <= updatesWanted_, "cannot merge so many");
        for (uint256 i; i < consortium.length; ++i) {
            require(standing[consortium[i]] == Standing.Outsider, "listed twice");
            standing[consortium[i]] = Standing.Listed;
        }
        committeeSize = committeeSize_;
        updatesWanted = updatesWanted_;
        updatesMerged = updatesMerged_;
        lowerMedian = lowerMedian_;
        phaseBlocks = phaseBlocks_;
        deadline = Deadlines.within(phaseBlocks_);
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    /// @notice Step 1: take one's place. The first to come are the first committee; when all have come, epoch 1 begins.
    /// A hospital that comes later trains from then on.
    function register() external {
        require(standing[msg.sender] != Standing.Outsider, "not in the consortium");
        require(standing[msg.sender] == Standing.Listed, "already registered");
        standing[msg.sender] = Standing.Registered;
        if (phase == Phase.Registering && roster.length < committeeSize) _seat(1, msg.sender);
        roster.push(msg.sender);
        emit Registered(msg.sender);
        if (phase == Phase.Registering && roster.length == hospitals) _begin(1);
    }

    /// @notice Step 2: a trainer proposes the model it trained. The first `updatesWanted` are taken, one a trainer and
    /// each content once, for whoever proposes it first, be it a copy; one that differs in a bit is another content.
    /// @param cid content id of the model and its number of patients
    function propose(string calldata cid) external {
        require(phase == Phase.Collecting, "not collecting");
        require(standing[msg.sender] == Standing.Registered, "not in the consortium");
        Epoch storage current = epochs[epoch];
        require(current.duty[msg.sender] < Duty.Seated, "members do not train");
        require(current.duty[msg.sender] == Duty.None, "already proposed");
        require(bytes(cid).length > 0 && bytes(cid).length <= 64, "not a content id");
        require(!current.taken[keccak256(bytes(cid))], "already proposed content");
        current.taken[keccak256(bytes(cid))] = true;
        current.duty[msg.sender] = Duty.Proposed;
        current.trainers.push(msg.sender);
        current.cid[msg.sender] = cid;
        emit Proposed(epoch, msg.sender, cid);
        if (current.trainers.length == updatesWanted) _enter(Phase.Scoring);
    }

    /// @notice Step 3: a member scores all models at once. With the last member's scores the epoch is decided.
    /// @param scores accuracy of each model on the member's own patients, in units of 1 / `SCALE`, in order of proposal
    function score(uint32[] calldata scores) external {
        require(phase == Phase.Scoring, "not scoring");
        Epoch storage current = epochs[epoch];
        require(current.duty[msg.sender] >= Duty.Seated, "not on the committee");
        require(current.duty[msg.sender] == Duty.Seated, "already scored");
        require(scores.length == current.trainers.length, "score every update");
        for (uint256 i; i < scores.length; ++i) require(scores[i] <= SCALE, "score out of range");
        current.duty[msg.sender] = Duty.Scored;
        current.scores.push(scores);
        emit Scored(epoch, msg.sender);
        if (current.scores.length == current.committee.length) _decide(current);
    }

    /// @notice After the deadline anybody ends the phase: with the hospitals or the models that came, or the scores of
    /// a majority. Without a majority of scores, or without any model, the epoch is abandoned and a later call, once
    /// the next block is made, draws who takes the seats that are then free.
    /// @dev Abandoning first and drawing later leaves nothing to choose: whoever stays silent does so before the block
    /// exists whose hash decides, and whoever calls cannot have another one. Hashes are kept for 256 blocks; a draw that
    /// nobody asked for by then waits for another block. What remains: who makes that block may bend its hash.
    function close() external {
        deadline.requirePassed();
        Epoch storage current = epochs[epoch];
        if (phase == Phase.Registering) {
            require(roster.length > 1, "no trainer registered");
            if (roster.length <= committeeSize) _unseat(roster[roster.length - 1]);
            _begin(1);
        } else if (phase == Phase.Collecting && current.trainers.length > 0) {
            _enter(Phase.Scoring);
        } else if (phase == Phase.Scoring && 2 * current.scores.length > current.committee.length) {
            _decide(current);
        } else if (phase == Phase.Drawing && _drawn() != 0) {
            _redraw(current);
        } else {
            if (phase != Phase.Drawing) emit Abandoned(epoch);
            (phase, deadline) = (Phase.Drawing, Deadlines.within(0));
        }
    }

    /// @notice A member that scored says which global model it computed from the epoch's best. Anybody can compute it,
    /// so nobody waits for this; the first that more than half of the committee confirm is on record.
    /// @param number the epoch
    /// @param model SHA-256 of the global model
    function confirm(uint256 number, bytes32 model) external {
        Epoch storage decided = epochs[number];
        require(decided.merged > 0, "nothing merged");
        require(decided.duty[msg.sender] >= Duty.Scored, "did not score");
        require(decided.duty[msg.sender] == Duty.Scored, "already confirmed");
        decided.duty[msg.sender] = Duty.Confirmed;
        if (2 * ++decided.votes[model] > decided.committee.length && decided.model == 0) {
            decided.model = model;
            emit Confirmed(number, model);
        }
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice Hospitals registered so far.
    function registered() external view returns (uint256) {
        return roster.length;
    }

    /// @notice The members of an epoch's committee, in order of election.
    function committee(uint256 number) external view returns (address[] memory) {
        return epochs[number].committee;
    }

    /// @notice The models to score in an epoch, in order of proposal.
    function updates(uint256 number) external view returns (address[] memory trainers, string[] memory cids) {
        trainers = epochs[number].trainers;
        cids = _cids(number, trainers);
    }

    /// @notice The models merged in an epoch, best first; none while it is undecided or if it was abandoned.
    function best(uint256 number) external view returns (address[] memory trainers, string[] memory cids) {
        address[] memory order = _ranked(epochs[number]);
        trainers = new address[](epochs[number].merged);
        for (uint256 i; i < trainers.length; ++i) trainers[i] = order[i];
        cids = _cids(number, trainers);
    }

    /// @notice SHA-256 of the global model that a majority of an epoch's committee confirmed; 0 without one.
    function modelOf(uint256 number) external view returns (bytes32) {
        return epochs[number].model;
    }

    /// @notice Twice the median score of a model, so that the mean of two middle scores stays whole.
    /// @param number the epoch
    /// @param index the model's place in the order of proposal
    function doubledMedian(uint256 number, uint256 index) external view returns (uint256) {
        return _doubledMedian(epochs[number], index);
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNALS
    //////////////////////////////////////////////////////////////*/

    /// @dev Steps 4 to 6: rank by median, merge the best share (rounded up), seat the best trainers.
    function _decide(Epoch storage current) private {
        current.merged = (updatesMerged * current.trainers.length + updatesWanted - 1) / updatesWanted;
        emit Merged(epoch, current.merged);
        _elect(_ranked(current));
    }

    /// @dev The hash of the block in which the epoch was abandoned; 0 once it is no longer kept.
    function _drawn() private view returns (bytes32) {
        return blockhash(Deadline.unwrap(deadline));
    }

    /// @dev Members who scored keep their seats, so that silence gains none. The free seats are drawn one by one from
    /// those who proposed, or from all hospitals if nobody did, and at least one hospital is left to train.
    function _redraw(Epoch storage current) private {
        for (uint256 i; i < current.committee.length; ++i) {
            if (current.duty[current.committee[i]] == Duty.Scored) _seat(epoch + 1, current.committee[i]);
        }
        uint256 seats = roster.length > committeeSize ? committeeSize : roster.length - 1;
        address[] memory pool = current.trainers.length > 0 ? current.trainers : roster;
        for (uint256 left = pool.length; left > 0 && epochs[epoch + 1].committee.length < seats; --left) {
            uint256 place = uint256(keccak256(abi.encode(_drawn(), address(this), epoch, left))) % left;
            _seat(epoch + 1, pool[place]);
            pool[place] = pool[left - 1];
        }
        _begin(epoch + 1);
    }

    /// @dev The first of `order` are the next committee, fewer than its seats if fewer proposed; all others train.
    function _elect(address[] memory order) private {
        uint256 seats = order.length < committeeSize ? order.length : committeeSize;
        for (uint256 i; i < seats; ++i) _seat(epoch + 1, order[i]);
        _begin(epoch + 1);
    }

    function _seat(uint256 number, address member) private {
        epochs[number].committee.push(member);
        epochs[number].duty[member] = Duty.Seated;
    }

    /// @dev The last hospital to register trains after all, there being no more than seats.
    function _unseat(address last) private {
        epochs[1].committee.pop();
        epochs[1].duty[last] = Duty.None;
    }

    function _begin(uint256 number) private {
        epoch = number;
        _enter(Phase.Collecting);
    }

    function _enter(Phase next) private {
        phase = next;
        deadline = Deadlines.within(phaseBlocks);
    }

    /// @dev Trainers by falling median score; of equals the lower address comes first. Each key holds the score above
    /// the inverted address, so one sort orders both.
    function _ranked(Epoch storage current) private view returns (address[] memory order) {
        uint256 count = current.trainers.length;
        uint256[] memory keys = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            keys[i] = (_doubledMedian(current, i) << 160) | ~uint160(current.trainers[i]);
        }
        _sort(keys);
        order = new address[](count);
        for (uint256 i; i < count; ++i) order[i] = address(~uint160(keys[count - 1 - i]));
    }

    function _doubledMedian(Epoch storage current, uint256 index) private view returns (uint256) {
        uint256 members = current.scores.length;
        if (members == 0) return 0;
        uint256[] memory values = new uint256[](members);
        for (uint256 i; i < members; ++i) values[i] = current.scores[i][index];
        _sort(values);
        uint256 lower = values[(members - 1) / 2];
        return lowerMedian ? 2 * lower : lower + values[members / 2];
    }

    function _cids(uint256 number, address[] memory trainers) private view returns (string[] memory cids) {
        cids = new string[](trainers.length);
        for (uint256 i; i < trainers.length; ++i) cids[i] = epochs[number].cid[trainers[i]];
    }

    /// @dev Insertion sort, ascending: there are at most as many values as models wanted or seats on a committee.
    function _sort(uint256[] memory values) private pure {
        for (uint256 i = 1; i < values.length; ++i) {
            uint256 value = values[i];
            uint256 place = i;
            for (; place > 0 && values[place - 1] > value; --place) values[place] = values[place - 1];
            values[place] = value;
        }
    }
}
