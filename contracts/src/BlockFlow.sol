// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";
import {Payments} from "./lib/Payments.sol";

/// @title A BlockFLow experiment without its audits: bonds, stages, who is booted, and refunds by contribution
/// @notice Mugunthan, Rahman, Kagal 2020 (arXiv 2007.03856). A round passes through training, retrieving, scoring and
/// revealing, in which all agents act, and ranking, tallying and refunding, in which anybody brings the round on. A stage
/// ends when the last agent has acted, or after its deadline without those who failed it; they are judged together. A
/// stage that all failed ends the experiment, and the agents share the pool equally. Ratios are fixed point with 20
/// fractional bits, floored. The agents stand in a circle: each audits its own model and those of the agents after it.
/// As published that is everybody's. With fewer auditors a model, the chain draws a new order once all models of the
/// round are named.
/// @dev At any time address(this).balance = pool + the sum of collectable.
abstract contract BlockFlowExperiment {
    enum Stage {
        Enrolling,
        Training,
        Retrieving,
        Scoring,
        Revealing,
        Ranking,
        Tallying,
        Refunding,
        Over
    }

    /// @notice What is known of one agent in one round, its audits apart.
    struct Turn {
        string contentId; // of its encrypted model; empty until submitted
        uint32 median; // m_k + 1: lower median of its model's scores; 0 while unknown
        uint32 agreement; // d_a + 1: how far its own scores agree with the medians; 0 while unknown
        uint32 contribution; // p_k, once it is refunded
    }

    /// @notice What refunds of the round are computed from.
    struct Sums {
        uint32 bestMedian; // max m
        uint32 bestAgreement; // max d
        uint64 contributions; // sum p; 0 where all count the same
        uint128 spend; // wei to be refunded
    }

    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice `agent` paid its bond.
    event AgentEnrolled(address indexed agent);
    /// @notice `stage` of `round` lasts until block `deadline`.
    event StageOpened(uint32 indexed round, Stage stage, Deadline deadline);
    /// @notice `agent` missed a deadline or fell short of the cut-off; `booter` gets its reserve.
    event AgentBooted(uint32 indexed round, address indexed agent, address indexed booter);
    /// @notice `agent` published its model under `contentId`.
    event DataSubmitted(uint32 indexed round, address indexed agent, string contentId);
    /// @notice The lower median m_k of the model's scores is `median`.
    event MedianCommitted(uint32 indexed round, address indexed model, uint256 median);
    /// @notice The auditor's scores agree with the medians to d_a = `agreement`.
    event DatasetTallied(uint32 indexed round, address indexed auditor, uint256 agreement);
    /// @notice `agent` contributed p_k = `contribution` and may collect `refund` wei for it.
    event AgentRefunded(uint32 indexed round, address indexed agent, uint256 contribution, uint256 refund);
    /// @notice Every member failed a stage of `round`, the last one: each may collect `share` wei.
    event ExperimentWoundUp(uint32 indexed round, uint256 share);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice 1 in fixed point.
    uint256 public constant ONE = 2 ** 20;
    /// @notice Agents, and pairs of an auditor and a model, that one transaction can judge in a block of 30 M gas.
    uint256 public constant MOST_PLACES = 2 ** 9;
    uint256 public constant MOST_PAIRS = 2 ** 16;

    /// @notice R: rounds of the experiment.
    uint32 public immutable rounds;
    /// @notice B: wei each agent pays to take part.
    uint256 public immutable bond;
    /// @notice B_res: wei of the bond that stay until the last round, and go to the booter of an agent.
    uint256 public immutable reserve;
    /// @notice rho: fraction of what may be refunded that is, in each round but the last; fixed point.
    uint256 public immutable refundFraction;
    /// @notice Blocks a stage lasts at most; enrolment too.
    uint64 public immutable phaseBlocks;
    /// @notice Blocks after a deadline in which only members on time may end the stage, and again as many in which only
    /// members may. Then anybody may.
    uint64 public immutable graceBlocks;
    /// @notice Cut-off for retrieval: two thirds of the agents (the authors' code), else more than half (their text).
    bool public immutable twoThirds;
    /// @notice How many may enrol.
    uint256 public immutable places;
    /// @notice Auditors of a model at most, its own agent among them; 0: everybody.
    uint32 public immutable auditors;

    /// @notice Who may enrol.
    mapping(address => bool) public admitted;
    /// @notice Who takes part: enrolled and not booted.
    mapping(address => bool) public isMember;
    /// @dev The members, and until retrieval begins those who were booted since the last. In order of enrolment, unless
    /// another is drawn.
    address[] internal agents;
    /// @dev Where each of them stands among them.
    mapping(address => uint256) internal standsAt;

    /// @notice Where the experiment stands.
    Stage public stage;
    /// @notice r: the current round, from 1; 0 while enrolling.
    uint32 public round;
    /// @notice How many are members.
    uint32 public live;
    /// @dev Members that have done their part of this stage, or agents it has dealt with from the first one on.
    uint32 internal done;
    /// @dev Of the members that did, those that did less than everything.
    uint32 private partly;
    /// @notice Auditors of each model in this round, and models of each auditor: the cut-off is a share of them.
    uint32 public audits;
    /// @dev Whether all members failed a stage.
    bool private woundUp;
    /// @notice Last block in which the stage's acts are accepted.
    Deadline public deadline;

    /// @notice Wei of all bonds not yet credited to anybody.
    uint256 public pool;
    /// @notice Wei an agent may collect.
    mapping(address => uint256) public collectable;

    /// @dev Round, then agent.
    mapping(uint256 => mapping(address => Turn)) internal turns;
    /// @dev Round.
    mapping(uint256 => Sums) private sums;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @notice Deploy an experiment; enrolment opens at once.
    /// @param admitted_ stands for the paper's authoriser contract
    constructor(
        uint32 rounds_,
        uint256 bond_,
        uint256 reserve_,
        uint256 refundFraction_,
        uint64 phaseBlocks_,
        uint64 graceBlocks_,
        bool twoThirds_,
        uint32 auditors_,
        address[] memory admitted_
    ) {
        require(rounds_ > 0, "no rounds");
        require(reserve_ <= bond_, "reserve above bond");
        require(bond_ <= type(uint96).max, "bond above all there is");
        require(refundFraction_ <= ONE, "fraction above one");
        require(auditors_ == 0 || auditors_ > 2, "fewer than two others audit");
        (rounds, bond, reserve, refundFraction) = (rounds_, bond_, reserve_, refundFraction_);
        (phaseBlocks, graceBlocks, twoThirds) = (phaseBlocks_, graceBlocks_, twoThirds_);
        (auditors, places) = (auditors_, admitted_.length);
        uint256 each = auditors_ == 0 || auditors_ > places ? places : auditors_;
        require(places <= MOST_PLACES && places * each <= MOST_PAIRS, "too many to judge in a block");
        for (uint256 i = 0; i < admitted_.length; i++) {
            require(!admitted[admitted_[i]], "admitted twice");
            admitted[admitted_[i]] = true;
        }
        _open(Stage.Enrolling);
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    modifier onlyMember() {
        require(isMember[msg.sender], "not a member");
        _;
    }

    modifier during(Stage wanted) {
        require(stage == wanted, "not the stage");
        deadline.requireNotPassed();
        _;
    }

    /// @notice Step 0: take part, for exactly the bond.
    function enrol() external payable during(Stage.Enrolling) {
        require(admitted[msg.sender], "not admitted");
        require(!isMember[msg.sender], "already enrolled");
        require(msg.value == bond, "not the bond");
        isMember[msg.sender] = true;
        standsAt[msg.sender] = agents.length;
        agents.push(msg.sender);
        live += 1;
        pool += msg.value;
        emit AgentEnrolled(msg.sender);
        if (live == places) _open(Stage.Training);
    }

    /// @notice Step 1: name the content id of this round's encrypted model.
    function submitData(string calldata contentId) external onlyMember during(Stage.Training) {
        Turn storage turn = turns[round][msg.sender];
        require(bytes(contentId).length > 0, "no content id");
        require(bytes(turn.contentId).length == 0, "already submitted");
        turn.contentId = contentId;
        emit DataSubmitted(round, msg.sender, contentId);
        _finish(true);
    }

    /// @notice After the deadline of a stage: boot for good all who failed it, and go on to the next. They are judged
    /// together, as they stood at the deadline, so that no order of boots decides about an innocent bond. Their bonds
    /// stay in the pool but for the reserves, which the sender gets. If all members failed, the experiment is wound up.
    function advance() external {
        deadline.requirePassed();
        (bool[] memory late, uint256 count) = _late();
        uint256 overdue = block.number - Deadline.unwrap(deadline);
        require(overdue > 2 * uint256(graceBlocks) || isMember[msg.sender], "not a member");
        if (count == live) return _windUp();
        if (overdue <= graceBlocks) require(!late[standsAt[msg.sender]], "sender failed too");
        for (uint256 i = 0; i < late.length; i++) {
            if (!late[i]) continue;
            isMember[agents[i]] = false;
            emit AgentBooted(round, agents[i], msg.sender);
        }
        live -= uint32(count);
        _credit(msg.sender, count * reserve);
        _open(Stage(uint8(stage) + 1));
    }

    /// @notice Steps 5 and 6: refund the next `count` agents in proportion to p_k = min(m'_k, d'_k); after the last one
    /// the next round opens.
    /// @dev Refunds are floored. What that leaves stays in the pool, and at the end goes to the first member.
    function closeRound(uint256 count) external during(Stage.Refunding) {
        Sums storage sum = sums[round];
        uint256 end = count < agents.length - done ? done + count : agents.length;
        for (uint256 i = done; i < end; i++) {
            address agent = agents[i];
            if (!isMember[agent]) continue;
            uint256 p = sum.contributions == 0 ? ONE : _contribution(agent);
            uint256 refund = sum.spend * p / (sum.contributions == 0 ? live * ONE : sum.contributions);
            turns[round][agent].contribution = uint32(p);
            _credit(agent, refund);
            emit AgentRefunded(round, agent, p, refund);
        }
        done = uint32(end);
        if (end < agents.length) return;
        if (_isLast()) _credit(members()[0], pool);
        _open(_isLast() ? Stage.Over : Stage.Training);
    }

    /// @notice Take home what one was credited.
    function collect() external {
        Payments.collect(collectable);
    }

    /// @notice Have an agent paid what it was credited. Anybody may, so that no silence keeps wei here.
    function collectFor(address agent) external {
        uint256 amount = collectable[agent];
        require(amount > 0, "nothing to collect");
        collectable[agent] = 0;
        emit Payments.Collected(agent, amount);
        (bool paid,) = agent.call{value: amount}("");
        require(paid, "payment refused");
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice The agents that take part.
    function members() public view returns (address[] memory found) {
        found = new address[](live);
        uint256 place = 0;
        for (uint256 i = 0; i < agents.length; i++) {
            if (isMember[agents[i]]) found[place++] = agents[i];
        }
    }

    /// @notice The members that would be booted if the stage's deadline passed now.
    function stragglers() external view returns (address[] memory found) {
        (bool[] memory late, uint256 count) = _late();
        found = new address[](count);
        for (uint256 i = late.length; i > 0; i--) {
            if (late[i - 1]) found[--count] = agents[i - 1];
        }
    }

    /// @notice Those who were members when retrieval began, as they stand in the circle, their models' content ids, and
    /// how many models each audits from its own on.
    function circle() external view returns (address[] memory, string[] memory contentIds, uint32) {
        contentIds = new string[](agents.length);
        for (uint256 i = 0; i < agents.length; i++) contentIds[i] = turns[round][agents[i]].contentId;
        return (agents, contentIds, audits);
    }

    /// @notice Models one must read, and agents that must read one's model.
    function cutoff() public view returns (uint256) {
        return twoThirds ? uint256(audits) * 2 / 3 : audits / 2 + 1;
    }

    /// @notice p_k = min(m_k / max m, d_k / max d) of the members in their order, once all are tallied. If all are 0
    /// they count as 1: nobody stands out.
    function contributions() external view returns (uint256[] memory p) {
        require(stage == Stage.Refunding, "not tallied");
        address[] memory found = members();
        p = new uint256[](found.length);
        for (uint256 i = 0; i < p.length; i++) {
            p[i] = sums[round].contributions == 0 ? ONE : _contribution(found[i]);
        }
    }

    /// @notice What is known of an agent in a round; see `Turn`.
    function turnOf(uint256 round_, address agent) external view returns (Turn memory) {
        return turns[round_][agent];
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    /// @dev By place: how many models each agent could read, 0 without its own, and how many could read its model.
    function _retrieved() internal view virtual returns (uint256[] memory reads, uint256[] memory readers);

    /// @dev Whether an agent has not done what scoring or revealing asks of everybody.
    function _owes(address agent) internal view virtual returns (bool);

    /// @dev One more member has done its part. The last one opens the next stage, or if some could not do all, has this
    /// one end now so that they are judged.
    function _finish(bool wholly) internal {
        done += 1;
        if (!wholly) partly += 1;
        if (done < live) return;
        if (partly == 0) _open(Stage(uint8(stage) + 1));
        else deadline = Deadlines.within(0);
    }

    /// @dev Keep the median of a model's scores.
    function _ranked(address model, uint256 median) internal {
        turns[round][model].median = uint32(median) + 1;
        if (median > sums[round].bestMedian) sums[round].bestMedian = uint32(median);
        emit MedianCommitted(round, model, median);
    }

    /// @dev Keep how far an auditor agrees.
    function _tallied(address auditor, uint256 agreement) internal {
        turns[round][auditor].agreement = uint32(agreement) + 1;
        if (agreement > sums[round].bestAgreement) sums[round].bestAgreement = uint32(agreement);
        emit DatasetTallied(round, auditor, agreement);
    }

    /// @dev Whether `below`, `equal` and `above` scores are below a median, equal to it and above it. Of n scores, the
    /// lower median is the one at place floor((n - 1) / 2) from 0, and that is so iff below < n / 2 <= below + equal.
    /// Those are the two conditions; together they imply equal > 0, so that only a score that was given can be accepted,
    /// and only one value.
    function _requireMedian(uint256 below, uint256 equal, uint256 above) internal pure {
        require(equal + above > below, "median too high");
        require(equal + below >= above, "median too low");
    }

    /// @dev t'_{a,k} = max(0, (0.5 - t) / (0.5 + t)) where t = |s_{a,k} - m_k|.
    function _near(uint256 score, uint256 median) internal pure returns (uint256) {
        uint256 apart = score > median ? score - median : median - score;
        return apart < ONE / 2 ? (ONE / 2 - apart) * ONE / (ONE / 2 + apart) : 0;
    }

    /// @dev From ranking on there is no deadline: anybody can bring the round on, and nobody owes anything.
    function _open(Stage next) internal {
        if (next == Stage.Training) round += 1;
        if (next == Stage.Retrieving) _seat();
        if (next == Stage.Refunding) _weigh();
        (stage, done, partly) = (next, 0, 0);
        deadline = next >= Stage.Ranking ? Deadlines.NEVER : Deadlines.within(phaseBlocks);
        emit StageOpened(round, next, deadline);
    }

    /// @dev Have the members stand in the circle, without those who were booted. Where a model has fewer auditors than
    /// there are members it is a new order, each as likely, which nobody knew when it named its model.
    function _seat() private {
        uint256 size = live;
        bool drawn = auditors != 0 && auditors < size;
        audits = drawn ? auditors : uint32(size);
        if (!drawn && size == agents.length) return;
        address[] memory seated = members();
        bytes32 chance = keccak256(abi.encode(block.prevrandao, blockhash(block.number - 1), address(this), round));
        for (uint256 i = size - 1; drawn && i > 0; i--) {
            chance = keccak256(abi.encode(chance));
            uint256 j = uint256(chance) % (i + 1);
            (seated[i], seated[j]) = (seated[j], seated[i]);
        }
        agents = seated;
        for (uint256 i = 0; i < size; i++) standsAt[seated[i]] = i;
    }

    /// @dev Fix what refunds are computed from.
    function _weigh() private {
        Sums storage sum = sums[round];
        uint256 total = 0;
        for (uint256 i = 0; i < agents.length; i++) {
            if (isMember[agents[i]] && !woundUp) total += _contribution(agents[i]);
        }
        sum.contributions = uint64(total);
        sum.spend = uint128(_isLast() ? pool : (pool - live * reserve) * refundFraction / ONE);
    }

    /// @dev The members share the pool equally, and it ends. At once: what was read and published stands, so most stages
    /// would be failed again, and no member loses more than another.
    function _windUp() private {
        woundUp = true;
        if (live == 0) return _open(Stage.Over);
        emit ExperimentWoundUp(round, pool / live);
        _open(Stage.Refunding);
    }

    /// @dev Whether all of the pool is refunded in this round.
    function _isLast() private view returns (bool) {
        return woundUp || round == rounds;
    }

    /// @dev By place: which members have not done what the stage asks of everybody; and how many that is.
    function _late() private view returns (bool[] memory late, uint256 count) {
        late = new bool[](agents.length);
        (uint256[] memory reads, uint256[] memory readers) = (new uint256[](0), new uint256[](0));
        if (stage == Stage.Retrieving) (reads, readers) = _retrieved();
        for (uint256 i = 0; i < late.length; i++) {
            address agent = agents[i];
            if (!isMember[agent]) continue;
            if (stage == Stage.Training) late[i] = bytes(turns[round][agent].contentId).length == 0;
            if (stage == Stage.Retrieving) late[i] = reads[i] == 0 || reads[i] < cutoff() || readers[i] < cutoff();
            if (stage == Stage.Scoring || stage == Stage.Revealing) late[i] = _owes(agent);
            if (late[i]) count++;
        }
    }

    /// @dev p_k = min(m_k / max m, d_k / max d); what is divided by a best of 0 is 0.
    function _contribution(address agent) private view returns (uint256) {
        (Turn storage turn, Sums storage sum) = (turns[round][agent], sums[round]);
        uint256 quality = sum.bestMedian == 0 ? 0 : (turn.median - 1) * ONE / sum.bestMedian;
        uint256 honesty = sum.bestAgreement == 0 ? 0 : (turn.agreement - 1) * ONE / sum.bestAgreement;
        return quality < honesty ? quality : honesty;
    }

    /// @dev Move wei from the pool to what somebody may collect.
    function _credit(address party, uint256 amount) private {
        pool -= amount;
        collectable[party] += amount;
    }
}

/// @title One BlockFLow experiment: agents train, audit one another blindly and are refunded by contribution
/// @notice What an auditor says of all its models goes in one transaction a stage: models read as bits, one commitment to
/// all scores, eight scores a slot. Whoever brings the round on ranks and tallies as many agents at once as fit a block.
contract BlockFlow is BlockFlowExperiment {
    /// @notice What an auditor did in one round, with models counted from its own on.
    struct Audit {
        uint256 read; // bit j: it could decrypt the model j places on
        bytes32 commitment; // keccak256(salt || binding || scores); 0 until committed
        uint32[] scores; // s_{a,k} + 1 of the model j places on, 0 of one it could not read; empty until revealed
    }

    /// @notice `agent` read the models of these bits.
    event DataRetrieved(uint32 indexed round, address indexed agent, uint256 models);
    /// @notice `agent` committed to its scores.
    event ScoresCommitted(uint32 indexed round, address indexed agent);
    /// @notice `agent` revealed its scores.
    event ScoresRevealed(uint32 indexed round, address indexed agent);

    /// @dev Round, then auditor.
    mapping(uint256 => mapping(address => Audit)) private auditsBy;

    constructor(
        uint32 rounds_,
        uint256 bond_,
        uint256 reserve_,
        uint256 refundFraction_,
        uint64 phaseBlocks_,
        uint64 graceBlocks_,
        bool twoThirds_,
        uint32 auditors_,
        address[] memory admitted_
    )
        BlockFlowExperiment(
            rounds_,
            bond_,
            reserve_,
            refundFraction_,
            phaseBlocks_,
            graceBlocks_,
            twoThirds_,
            auditors_,
            admitted_
        )
    {}

    /// @notice Step 2: say once and for all which models the sender could read, its own among them: bit j for the model
    /// j places on.
    function markRetrieved(uint256 models) external onlyMember during(Stage.Retrieving) {
        Audit storage audit = auditsBy[round][msg.sender];
        require(models != 0, "nothing read");
        require(models >> audits == 0, "not its auditor");
        require(audit.read == 0, "already marked");
        audit.read = models;
        emit DataRetrieved(round, msg.sender, models);
        _finish(models == type(uint256).max >> (256 - audits));
    }

    /// @notice Step 3: commit to the scores of all models the sender has read.
    function commitScores(bytes32 commitment) external onlyMember during(Stage.Scoring) {
        Audit storage audit = auditsBy[round][msg.sender];
        require(commitment != 0, "empty commitment");
        require(audit.commitment == 0, "already committed");
        audit.commitment = commitment;
        emit ScoresCommitted(round, msg.sender);
        _finish(true);
    }

    /// @notice Step 4: reveal them, and the salt they were committed under.
    /// @param scores 1 more than s_{a,k} of the model j places on; 0 of one that the sender could not read
    function revealScores(bytes32 salt, uint32[] calldata scores) external onlyMember during(Stage.Revealing) {
        Audit storage audit = auditsBy[round][msg.sender];
        require(audit.scores.length == 0, "already revealed");
        require(scores.length == audits, "not a score a model");
        bytes32 hidden = keccak256(abi.encodePacked(salt, bindingOf(msg.sender), scores));
        require(hidden == audit.commitment, "commitment not opened");
        uint256 read = audit.read;
        for (uint256 i = 0; i < scores.length; i++) {
            require(scores[i] <= ONE + 1, "score above one");
            require((scores[i] > 0) == ((read >> i) & 1 == 1), "not of what it read");
        }
        audit.scores = scores;
        emit ScoresRevealed(round, msg.sender);
        _finish(true);
    }

    /// @notice Step 5: propose m_k, the lower median of a model's scores, of as many members as are not ranked yet. Counting
    /// checks it, not sorting.
    function commitMedians(uint256[] calldata medians) external during(Stage.Ranking) {
        uint256 next = done;
        for (uint256 i = 0; i < medians.length; next++) {
            require(next < agents.length, "more than members");
            if (isMember[agents[next]]) _rank(next, medians[i++]);
        }
        while (next < agents.length && !isMember[agents[next]]) next++;
        done = uint32(next);
        if (next == agents.length) _open(Stage.Tallying);
    }

    /// @notice Step 5: d_a = min over k of t'_{a,k}, of the next `count` agents.
    function tallyDatasets(uint256 count) external during(Stage.Tallying) {
        uint256 end = count < agents.length - done ? done + count : agents.length;
        for (uint256 i = done; i < end; i++) {
            if (isMember[agents[i]]) _tally(i);
        }
        done = uint32(end);
        if (end == agents.length) _open(Stage.Refunding);
    }

    /// @notice What an auditor's commitment is bound to beside salt and scores: nobody else can open a copy of it, nor
    /// can it itself in another round or experiment.
    function bindingOf(address auditor) public view returns (bytes32) {
        return keccak256(abi.encode(address(this), round, auditor));
    }

    /// @notice By place in the circle, the scores an agent revealed in this round; see `Audit`.
    function scoresBy() external view returns (uint32[][] memory scores) {
        scores = new uint32[][](agents.length);
        for (uint256 i = 0; i < scores.length; i++) scores[i] = auditsBy[round][agents[i]].scores;
    }

    /// @notice What an auditor did in a round; see `Audit`.
    function auditOf(uint256 round_, address auditor) external view returns (Audit memory) {
        return auditsBy[round_][auditor];
    }

    /// @dev Check and keep the median of the model at a place. Of those before it, each audits what is as many places on.
    function _rank(uint256 place, uint256 median) private {
        (uint256 below, uint256 equal, uint256 above) = (0, 0, 0);
        uint256 size = agents.length;
        for (uint256 j = 0; j < audits; j++) {
            uint256 score = _score(agents[(place + size - j) % size], j); // + 1, or 0 without one
            if (score == 0) continue;
            if (score - 1 < median) below++;
            else if (score - 1 == median) equal++;
            else above++;
        }
        _requireMedian(below, equal, above);
        _ranked(agents[place], median);
    }

    /// @dev Compute and keep how far the auditor at a place agrees.
    function _tally(uint256 place) private {
        uint256 agreement = ONE;
        uint256 size = agents.length;
        for (uint256 j = 0; j < audits; j++) {
            address model = agents[(place + j) % size];
            uint256 score = _score(agents[place], j); // + 1, as the median is
            if (score == 0 || !isMember[model]) continue;
            uint256 near = _near(score, turns[round][model].median);
            if (near < agreement) agreement = near;
        }
        _tallied(agents[place], agreement);
    }

    /// @dev s_{a,k} + 1 of the model j places on from its auditor, 0 if there is none.
    function _score(address auditor, uint256 j) private view returns (uint256) {
        uint32[] storage scores = auditsBy[round][auditor].scores;
        return j < scores.length ? scores[j] : 0;
    }

    /// @inheritdoc BlockFlowExperiment
    function _retrieved() internal view override returns (uint256[] memory reads, uint256[] memory readers) {
        uint256 size = agents.length;
        (reads, readers) = (new uint256[](size), new uint256[](size));
        for (uint256 i = 0; i < size; i++) {
            uint256 read = auditsBy[round][agents[i]].read;
            uint256 count = 0;
            for (uint256 at = i; read != 0; read >>= 1) {
                unchecked {
                    count += read & 1;
                    readers[at] += read & 1;
                    if (++at == size) at = 0;
                }
            }
            if (auditsBy[round][agents[i]].read & 1 == 1) reads[i] = count;
        }
    }

    /// @inheritdoc BlockFlowExperiment
    function _owes(address agent) internal view override returns (bool) {
        Audit storage audit = auditsBy[round][agent];
        return stage == Stage.Scoring ? audit.commitment == 0 : audit.scores.length == 0;
    }
}

/// @title The same experiment in the transactions of the paper, one a pair of an auditor and a model
/// @notice Keys are asked for and given on the chain, a score is committed to and revealed alone, and each is counted in
/// a call of its own against a median that anybody proposes.
contract BlockFlowPublished is BlockFlowExperiment {
    /// @notice What an auditor did with a model in a round.
    struct Pair {
        bytes32 commitment; // keccak256(salt || score); 0 until committed
        bytes key; // the model's, encrypted for the auditor; empty until provided
        bool requested; // the auditor asked for it
        bool read; // it could decrypt the model
        bool tallied; // its score counts in the auditor's agreement
        uint32 score; // s_{a,k} + 1; 0 until revealed
    }

    /// @notice How many pairs of an agent have come how far in a round.
    struct Progress {
        uint32 reads; // models it could read
        uint32 readers; // agents that could read its model
        uint32 commitments; // scores it committed to
        uint32 reveals; // scores it revealed
        uint32 tallies; // scores of it that count in its agreement
        uint32 nearest; // ONE - the least t' of these
    }

    /// @notice How the scores of a model lie to a proposed median.
    struct Count {
        uint32 seen; // auditors that read the model and are counted, booted ones too
        uint32 below;
        uint32 equal;
        uint32 above;
    }

    /// @notice `auditor` asks for the key of `model`.
    event KeyRequested(uint32 indexed round, address indexed auditor, address indexed model);
    /// @notice `model`'s agent gave it.
    event KeyProvided(uint32 indexed round, address indexed auditor, address indexed model, bytes key);
    /// @notice `auditor` read `model`.
    event DataRetrieved(uint32 indexed round, address indexed auditor, address indexed model);
    /// @notice `auditor` committed to its score of `model`.
    event ScoreCommitted(uint32 indexed round, address indexed auditor, address indexed model);
    /// @notice `auditor` revealed its score of `model`.
    event ScoreRevealed(uint32 indexed round, address indexed auditor, address indexed model, uint256 score);

    /// @notice Commitments an auditor made so far. Another's can be copied, but not opened: see `bindingOf`.
    mapping(address => mapping(bytes32 => bool)) public used;
    /// @dev Round, then auditor, then the agent whose model it is.
    mapping(uint256 => mapping(address => mapping(address => Pair))) private pairs;
    /// @dev Round, then agent.
    mapping(uint256 => mapping(address => Progress)) private progress;
    /// @dev Round, then model, then proposed median.
    mapping(uint256 => mapping(address => mapping(uint256 => Count))) private counts;
    /// @dev The same, then auditor: whether it is counted.
    mapping(uint256 => mapping(address => mapping(uint256 => mapping(address => bool)))) private counted;

    constructor(
        uint32 rounds_,
        uint256 bond_,
        uint256 reserve_,
        uint256 refundFraction_,
        uint64 phaseBlocks_,
        uint64 graceBlocks_,
        bool twoThirds_,
        uint32 auditors_,
        address[] memory admitted_
    )
        BlockFlowExperiment(
            rounds_,
            bond_,
            reserve_,
            refundFraction_,
            phaseBlocks_,
            graceBlocks_,
            twoThirds_,
            auditors_,
            admitted_
        )
    {}

    /// @notice Step 2: ask for the key of a model.
    function requestDecryptionKey(address model) external onlyMember during(Stage.Retrieving) {
        Pair storage pair = _pair(msg.sender, model);
        require(!pair.requested, "already requested");
        pair.requested = true;
        emit KeyRequested(round, msg.sender, model);
    }

    /// @notice Step 2: give an auditor the key of the sender's model, encrypted for it.
    function provideDecryptionKey(address auditor, bytes calldata key) external onlyMember during(Stage.Retrieving) {
        Pair storage pair = pairs[round][auditor][msg.sender];
        require(pair.requested, "not requested");
        require(pair.key.length == 0, "already provided");
        require(key.length > 0, "no key");
        pair.key = key;
        emit KeyProvided(round, auditor, msg.sender, key);
    }

    /// @notice Step 2: mark a model that the sender could read; its own is one.
    function markDataRetrieved(address model) external onlyMember during(Stage.Retrieving) {
        Pair storage pair = _pair(msg.sender, model);
        require(!pair.read, "already marked");
        pair.read = true;
        emit DataRetrieved(round, msg.sender, model);
        progress[round][model].readers += 1;
        uint32 reads = progress[round][msg.sender].reads += 1;
        if (reads == audits) _finish(true);
    }

    /// @notice Step 3: commit to the score of a model that the sender has read.
    /// @param commitment keccak256(salt || score), both 32 bytes, the salt beginning with the sender's `bindingOf`
    function submitEncryptedScore(address model, bytes32 commitment) external onlyMember during(Stage.Scoring) {
        Pair storage pair = pairs[round][msg.sender][model];
        require(pair.read, "model not read");
        require(pair.commitment == 0, "already committed");
        require(commitment != 0, "empty commitment");
        require(!used[msg.sender][commitment], "commitment reused");
        used[msg.sender][commitment] = true;
        pair.commitment = commitment;
        emit ScoreCommitted(round, msg.sender, model);
        uint32 commitments = progress[round][msg.sender].commitments += 1;
        if (commitments == progress[round][msg.sender].reads) _finish(true);
    }

    /// @notice Step 4: reveal the score of a model with the salt it was committed under.
    function submitDecryptedScore(address model, bytes32 salt, uint256 score)
        external
        onlyMember
        during(Stage.Revealing)
    {
        Pair storage pair = pairs[round][msg.sender][model];
        require(pair.score == 0, "already revealed");
        require(bytes20(salt) == bindingOf(msg.sender), "not the sender's salt");
        require(score <= ONE, "score above one");
        require(keccak256(abi.encodePacked(salt, score)) == pair.commitment, "commitment not opened");
        pair.score = uint32(score) + 1;
        emit ScoreRevealed(round, msg.sender, model, score);
        uint32 reveals = progress[round][msg.sender].reveals += 1;
        if (reveals == progress[round][msg.sender].reads) _finish(true);
    }

    /// @notice Step 5: count an auditor's score of a model as below a proposed median, equal to it or above it.
    function tallyModelScore(address model, uint256 median, address auditor) external during(Stage.Ranking) {
        Pair storage pair = pairs[round][auditor][model];
        Count storage count = counts[round][model][median];
        require(pair.read, "model not read");
        require(!counted[round][model][median][auditor], "already counted");
        counted[round][model][median][auditor] = true;
        count.seen += 1;
        if (!isMember[auditor]) return;
        if (pair.score - 1 < median) count.below += 1;
        else if (pair.score - 1 == median) count.equal += 1;
        else count.above += 1;
    }

    /// @notice Step 5: keep m_k, once all scores of the model are counted against it.
    function commitModelMedianScore(address model, uint256 median) external during(Stage.Ranking) {
        Count storage count = counts[round][model][median];
        require(isMember[model], "no such model");
        require(turns[round][model].median == 0, "median already known");
        require(count.seen == progress[round][model].readers, "scores missing");
        _requireMedian(count.below, count.equal, count.above);
        _ranked(model, median);
        if (++done == live) _open(Stage.Tallying);
    }

    /// @notice Step 5: have an auditor's score of a model count in d_a = min over k of t'_{a,k}.
    function tallyDatasetScore(address auditor, address model) external during(Stage.Tallying) {
        Pair storage pair = pairs[round][auditor][model];
        Progress storage own = progress[round][auditor];
        require(isMember[auditor], "no such auditor");
        require(pair.read, "model not read");
        require(!pair.tallied, "already tallied");
        pair.tallied = true;
        uint256 near = isMember[model] ? _near(pair.score, turns[round][model].median) : ONE;
        if (ONE - near > own.nearest) own.nearest = uint32(ONE - near);
        own.tallies += 1;
        if (own.tallies < own.reads) return;
        _tallied(auditor, ONE - own.nearest);
        if (++done == live) _open(Stage.Refunding);
    }

    /// @notice What an auditor's salts begin with: the 20 bytes of its address, and so never 0. Who copies a commitment,
    /// pending or not, can therefore not open it. The other 12 bytes keep the score secret.
    function bindingOf(address auditor) public pure returns (bytes20) {
        return bytes20(auditor);
    }

    /// @notice The keys that an agent was given of the models it audits, from its own on; empty where it was not.
    function keysFor(address auditor) external view returns (bytes[] memory keys) {
        keys = new bytes[](audits);
        for (uint256 j = 0; j < audits; j++) {
            keys[j] = pairs[round][auditor][agents[(standsAt[auditor] + j) % agents.length]].key;
        }
    }

    /// @notice By place in the circle, whether an agent read the model j places on.
    function readBy() external view returns (bool[][] memory read) {
        uint256 size = agents.length;
        read = new bool[][](size);
        for (uint256 i = 0; i < size; i++) {
            read[i] = new bool[](audits);
            for (uint256 j = 0; j < audits; j++) read[i][j] = pairs[round][agents[i]][agents[(i + j) % size]].read;
        }
    }

    /// @notice What an auditor did with a model in a round; see `Pair`.
    function pairOf(uint256 round_, address auditor, address model) external view returns (Pair memory) {
        return pairs[round_][auditor][model];
    }

    /// @notice How far an agent has come in a round; see `Progress`.
    function progressOf(uint256 round_, address agent) external view returns (Progress memory) {
        return progress[round_][agent];
    }

    /// @notice By place in the circle, what agents revealed in this round: 1 more than s_{a,k} of the model j places on
    /// from the auditor, or 0 without it.
    function scoresBy() external view returns (uint32[][] memory scores) {
        uint256 size = agents.length;
        scores = new uint32[][](size);
        for (uint256 i = 0; i < size; i++) {
            scores[i] = new uint32[](audits);
            for (uint256 j = 0; j < audits; j++) scores[i][j] = pairs[round][agents[i]][agents[(i + j) % size]].score;
        }
    }

    /// @dev The pair of an auditor and a model that it is to audit.
    function _pair(address auditor, address model) private view returns (Pair storage) {
        uint256 size = agents.length;
        require(isMember[model], "no such model");
        require((standsAt[model] + size - standsAt[auditor]) % size < audits, "not its auditor");
        return pairs[round][auditor][model];
    }

    /// @inheritdoc BlockFlowExperiment
    function _retrieved() internal view override returns (uint256[] memory reads, uint256[] memory readers) {
        (reads, readers) = (new uint256[](agents.length), new uint256[](agents.length));
        for (uint256 i = 0; i < reads.length; i++) {
            Progress storage own = progress[round][agents[i]];
            readers[i] = own.readers;
            if (pairs[round][agents[i]][agents[i]].read) reads[i] = own.reads;
        }
    }

    /// @inheritdoc BlockFlowExperiment
    function _owes(address agent) internal view override returns (bool) {
        Progress storage own = progress[round][agent];
        return (stage == Stage.Scoring ? own.commitments : own.reveals) < own.reads;
    }
}
