// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title One BlockFLow experiment: agents train, audit one another blindly and are refunded by contribution
/// @notice Mugunthan, Rahman, Kagal 2020 (arXiv 2007.03856). A round passes through training, retrieving, scoring,
/// revealing and tallying. A stage ends when the last agent has acted, or after its deadline once the stragglers are
/// booted; a stage that every member failed ends the experiment. Ratios are fixed point with 20 fractional bits,
/// floored. As published everybody audits everybody. With fewer auditors a model, all stand in a circle, drawn by the
/// chain once all models of the round are named: each audits its own model and those of the agents after it.
/// @dev At any time address(this).balance = pool + the sum of collectable.
contract BlockFlow {
    enum Stage {
        Enrolling,
        Training,
        Retrieving,
        Scoring,
        Revealing,
        Tallying,
        Over
    }

    /// @notice What is known of one agent in one round; one slot beside the content id.
    struct Turn {
        string contentId; // of its encrypted model; empty until submitted
        uint32 reads; // models it could read, its own among them
        uint32 readers; // agents that could read its model, itself among them
        uint32 duty; // models it read whose agents are still members: it must score these
        uint32 commitments; // of the duty, scores committed
        uint32 reveals; // of the duty, scores revealed
        uint32 median; // m_k + 1: lower median of its model's scores; 0 while unknown
        uint32 agreement; // d_a + 1: how far its own scores agree with the medians; 0 while unknown
        uint32 contribution; // p_k, once the round is closed
    }

    /// @notice What one auditor did with one model in one round.
    struct Pair {
        bytes32 commitment; // keccak256(salt || score); 0 until committed
        bool read; // the auditor could decrypt the model
        uint32 score; // s_{a,k} + 1; 0 until revealed
    }

    /// @notice How far the tallying of a round has come.
    struct Tally {
        uint32 medians; // models whose median is known
        uint32 datasets; // auditors whose agreement is known
        uint32 bestMedian; // max m
        uint32 bestAgreement; // max d
    }

    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice `agent` paid its bond.
    event AgentEnrolled(address indexed agent);
    /// @notice `stage` of `round` lasts until block `deadline`.
    event StageOpened(uint32 indexed round, Stage stage, uint64 deadline);
    /// @notice `agent` missed a deadline or fell short of the cut-off; `booter` gets its reserve.
    event AgentBooted(uint32 indexed round, address indexed agent, address indexed booter);
    /// @notice `agent` published its model under `contentId`.
    event DataSubmitted(uint32 indexed round, address indexed agent, string contentId);
    /// @notice `agent` read that many more models.
    event DataRetrieved(uint32 indexed round, address indexed agent, uint256 models);
    /// @notice `agent` committed to that many more scores.
    event ScoresCommitted(uint32 indexed round, address indexed agent, uint256 models);
    /// @notice `agent` revealed that many more scores.
    event ScoresRevealed(uint32 indexed round, address indexed agent, uint256 models);
    /// @notice The lower median m_k of the model's scores is `median`.
    event MedianCommitted(uint32 indexed round, address indexed model, uint256 median);
    /// @notice The auditor's scores agree with the medians to d_a = `agreement`.
    event DatasetTallied(uint32 indexed round, address indexed auditor, uint256 agreement);
    /// @notice `agent` contributed p_k = `contribution` and may collect `refund` wei for it.
    event AgentRefunded(uint32 indexed round, address indexed agent, uint256 contribution, uint256 refund);
    /// @notice Every member failed a stage of `round`: it is over, and each may collect `share` wei.
    event ExperimentWoundUp(uint32 indexed round, uint256 share);
    /// @notice `agent` took `amount` wei home.
    event RewardCollected(address indexed agent, uint256 amount);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice 1 in fixed point.
    uint256 public constant ONE = 2 ** 20;

    /// @notice R: rounds of the experiment.
    uint32 public immutable rounds;
    /// @notice B: wei each agent pays to take part.
    uint256 public immutable bond;
    /// @notice B_res: wei of the bond that stay until the last round, and go to the booter of an agent.
    uint256 public immutable reserve;
    /// @notice rho: fraction of what may be refunded that is, in each round but the last; fixed point.
    uint256 public immutable refundFraction;
    /// @notice Blocks a stage lasts at most; enrolment too.
    uint64 public immutable window;
    /// @notice Cut-off for retrieval: more than half of the agents (the paper's text), else two thirds (its code).
    bool public immutable majority;
    /// @notice How many may enrol.
    uint256 public immutable places;
    /// @notice Auditors of a model at most, its own agent among them; 0: everybody.
    uint32 public immutable auditors;

    /// @notice Who may enrol.
    mapping(address => bool) public admitted;
    /// @notice Who takes part: enrolled and not booted.
    mapping(address => bool) public isMember;
    /// @dev The members in order of enrolment.
    address[] private agents;

    /// @notice Where the experiment stands.
    Stage public stage;
    /// @notice r: the current round, from 1; 0 while enrolling.
    uint32 public round;
    /// @dev Members that have done their part of this stage.
    uint32 private done;
    /// @dev Auditors of each model in this round, and models of each auditor: the cut-off is a share of them.
    uint32 private audits;
    /// @notice Last block in which the stage's acts are accepted.
    uint64 public deadline;

    /// @notice Wei of all bonds not yet credited to anybody.
    uint256 public pool;
    /// @notice Wei an agent may collect.
    mapping(address => uint256) public collectable;
    /// @notice Commitments an auditor made so far. Another's can be copied, but not opened: see `saltPrefix`.
    mapping(address => mapping(bytes32 => bool)) public used;

    /// @dev This round's circle, of those who were members when its retrieval began; not kept if all audit all.
    address[] private drawn;
    /// @dev Where each of them stands in it.
    mapping(address => uint256) private standsAt;

    /// @dev Round, then agent.
    mapping(uint256 => mapping(address => Turn)) private turns;
    /// @dev Round, then auditor, then the agent whose model it is.
    mapping(uint256 => mapping(address => mapping(address => Pair))) private pairs;
    /// @dev Round.
    mapping(uint256 => Tally) private tallies;

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
        uint64 window_,
        bool majority_,
        uint32 auditors_,
        address[] memory admitted_
    ) {
        require(rounds_ > 0, "no rounds");
        require(reserve_ <= bond_, "reserve above bond");
        require(refundFraction_ <= ONE, "fraction above one");
        require(auditors_ == 0 || auditors_ > 2, "fewer than two others audit");
        (rounds, bond, reserve, refundFraction) = (rounds_, bond_, reserve_, refundFraction_);
        (window, majority, auditors, places) = (window_, majority_, auditors_, admitted_.length);
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
        require(block.number <= deadline, "too late");
        _;
    }

    /// @notice Step 0: take part, for exactly the bond.
    function enrol() external payable during(Stage.Enrolling) {
        require(admitted[msg.sender], "not admitted");
        require(!isMember[msg.sender], "already enrolled");
        require(msg.value == bond, "not the bond");
        isMember[msg.sender] = true;
        agents.push(msg.sender);
        pool += msg.value;
        emit AgentEnrolled(msg.sender);
        if (agents.length == places) _open(Stage.Training);
    }

    /// @notice Step 1: name the content id of this round's encrypted model.
    function submitData(string calldata contentId) external onlyMember during(Stage.Training) {
        Turn storage turn = turns[round][msg.sender];
        require(bytes(contentId).length > 0, "no content id");
        require(bytes(turn.contentId).length == 0, "already submitted");
        turn.contentId = contentId;
        emit DataSubmitted(round, msg.sender, contentId);
        _finish();
    }

    /// @notice Step 2: mark the models the sender could read, its own among them, of those it audits.
    function markRetrieved(address[] calldata models) external onlyMember during(Stage.Retrieving) {
        Turn storage turn = turns[round][msg.sender];
        emit DataRetrieved(round, msg.sender, models.length);
        for (uint256 i = 0; i < models.length; i++) {
            Pair storage pair = pairs[round][msg.sender][models[i]];
            require(isMember[models[i]], "no such model");
            require(isAuditor(msg.sender, models[i]), "not its auditor");
            require(!pair.read, "already marked");
            pair.read = true;
            turns[round][models[i]].readers += 1;
            turn.duty += 1;
            turn.reads += 1;
            if (turn.reads == audits) _finish();
        }
    }

    /// @notice Step 3: commit to a score of each of `models`, which the sender has read.
    /// @param commitments keccak256(salt || score), both 32 bytes, the salt beginning with the sender's `saltPrefix`
    function commitScores(address[] calldata models, bytes32[] calldata commitments)
        external
        onlyMember
        during(Stage.Scoring)
    {
        require(models.length == commitments.length, "lengths differ");
        Turn storage turn = turns[round][msg.sender];
        emit ScoresCommitted(round, msg.sender, models.length);
        for (uint256 i = 0; i < models.length; i++) {
            Pair storage pair = pairs[round][msg.sender][models[i]];
            require(isMember[models[i]], "no such model");
            require(pair.read, "model not read");
            require(pair.commitment == 0, "already committed");
            require(commitments[i] != 0, "empty commitment");
            require(!used[msg.sender][commitments[i]], "commitment reused");
            used[msg.sender][commitments[i]] = true;
            pair.commitment = commitments[i];
            turn.commitments += 1;
            if (turn.commitments == turn.duty) _finish();
        }
    }

    /// @notice Step 4: reveal the scores of `models` with the salts they were committed under.
    function revealScores(address[] calldata models, bytes32[] calldata salts, uint256[] calldata scores)
        external
        onlyMember
        during(Stage.Revealing)
    {
        require(models.length == salts.length && models.length == scores.length, "lengths differ");
        Turn storage turn = turns[round][msg.sender];
        emit ScoresRevealed(round, msg.sender, models.length);
        for (uint256 i = 0; i < models.length; i++) {
            Pair storage pair = pairs[round][msg.sender][models[i]];
            require(isMember[models[i]], "no such model");
            require(pair.score == 0, "already revealed");
            require(bytes20(salts[i]) == saltPrefix(msg.sender), "not the sender's salt");
            require(scores[i] <= ONE, "score above one");
            require(keccak256(abi.encodePacked(salts[i], scores[i])) == pair.commitment, "commitment not opened");
            pair.score = uint32(scores[i]) + 1;
            turn.reveals += 1;
            if (turn.reveals == turn.duty) _finish();
        }
    }

    /// @notice Step 5: propose m_k, the lower median of the model's revealed scores. Counting checks it, not sorting.
    /// @dev Of n = below + equal + above scores, the lower median is the one at place floor((n - 1) / 2) from 0, and
    /// `median` stands there iff below < n / 2 <= below + equal. Those are the two conditions; together they imply
    /// equal > 0, so that only a score that was given can be accepted, and only one value.
    function commitMedian(address model, uint256 median) external onlyMember during(Stage.Tallying) {
        Turn storage turn = turns[round][model];
        Tally storage tally = tallies[round];
        require(isMember[model], "no such model");
        require(turn.median == 0, "median already known");
        (uint256 below, uint256 equal, uint256 above) = (0, 0, 0);
        address[] memory by = _auditorsOf(model);
        for (uint256 i = 0; i < by.length; i++) {
            uint256 score = pairs[round][by[i]][model].score; // + 1, or 0 without one
            if (score == 0) continue;
            if (score - 1 < median) below++;
            else if (score - 1 == median) equal++;
            else above++;
        }
        require(equal + above > below, "median too high");
        require(equal + below >= above, "median too low");
        turn.median = uint32(median) + 1;
        tally.medians += 1;
        if (median > tally.bestMedian) tally.bestMedian = uint32(median);
        emit MedianCommitted(round, model, median);
    }

    /// @notice Step 5: d_a = min over k of t'_{a,k} = max(0, (0.5 - t) / (0.5 + t)), where t = |s_{a,k} - m_k|.
    function tallyDataset(address auditor) external onlyMember during(Stage.Tallying) {
        Turn storage turn = turns[round][auditor];
        Tally storage tally = tallies[round];
        require(tally.medians == agents.length, "medians missing");
        require(isMember[auditor], "no such auditor");
        require(turn.agreement == 0, "already tallied");
        uint256 agreement = ONE;
        address[] memory models = _modelsOf(auditor);
        for (uint256 i = 0; i < models.length; i++) {
            uint256 score = pairs[round][auditor][models[i]].score; // + 1, as the median is
            if (score == 0) continue;
            uint256 median = turns[round][models[i]].median;
            uint256 apart = score > median ? score - median : median - score;
            uint256 near = apart < ONE / 2 ? (ONE / 2 - apart) * ONE / (ONE / 2 + apart) : 0;
            if (near < agreement) agreement = near;
        }
        turn.agreement = uint32(agreement) + 1;
        tally.datasets += 1;
        if (agreement > tally.bestAgreement) tally.bestAgreement = uint32(agreement);
        emit DatasetTallied(round, auditor, agreement);
    }

    /// @notice Steps 5 and 6: p_k = min(m'_k, d'_k), refunds in proportion to it, next round.
    /// @dev Refunds are floored. What that leaves stays in the pool, and at the end goes to the first agent.
    function closeRound() external onlyMember during(Stage.Tallying) {
        (uint256[] memory p, uint256 sum) = contributions();
        bool last = round == rounds;
        uint256 spend = last ? pool : (pool - agents.length * reserve) * refundFraction / ONE;
        for (uint256 i = 0; i < agents.length; i++) {
            uint256 refund = spend * p[i] / sum;
            turns[round][agents[i]].contribution = uint32(p[i]);
            _credit(agents[i], refund);
            emit AgentRefunded(round, agents[i], p[i], refund);
        }
        if (last) _credit(agents[0], pool);
        _open(last ? Stage.Over : Stage.Training);
    }

    /// @notice After the deadline of a stage: go on to the next, once nobody is left to boot. If every member failed
    /// there is nobody who could boot the others, and the experiment is wound up.
    function advance() external onlyMember {
        require(block.number > deadline, "deadline not passed");
        uint256 late = _failures();
        if (late == agents.length) return _windUp();
        require(late == 0, "boot the stragglers first");
        _open(Stage(uint8(stage) + 1));
    }

    /// @notice After the deadline of a stage: remove for good an agent that failed it. Its bond stays in the pool
    /// but for the reserve, which the sender gets. Pairs with its model are no longer owed.
    function boot(address agent) external onlyMember {
        require(block.number > deadline, "deadline not passed");
        require(isMember[agent], "no such agent");
        require(_failed(agent), "agent is on time");
        require(!_failed(msg.sender), "booter failed too");
        isMember[agent] = false;
        _remove(agent);
        for (uint256 i = 0; i < agents.length; i++) {
            Turn storage turn = turns[round][agents[i]];
            Pair storage pair = pairs[round][agents[i]][agent];
            if (pair.read) turn.duty -= 1;
            if (pair.commitment != 0) turn.commitments -= 1;
            if (pair.score != 0) turn.reveals -= 1;
        }
        _credit(msg.sender, reserve);
        emit AgentBooted(round, agent, msg.sender);
    }

    /// @notice Take home what one was credited.
    function collect() external {
        uint256 amount = collectable[msg.sender];
        require(amount > 0, "nothing to collect");
        collectable[msg.sender] = 0;
        emit RewardCollected(msg.sender, amount);
        (bool paid,) = msg.sender.call{value: amount}("");
        require(paid, "payment refused");
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice The agents that take part, in order of enrolment.
    function members() external view returns (address[] memory) {
        return agents;
    }

    /// @notice The members that would be booted if the stage's deadline passed now.
    function stragglers() external view returns (address[] memory late) {
        late = new address[](_failures());
        uint256 found = 0;
        for (uint256 i = 0; i < agents.length; i++) {
            if (_failed(agents[i])) late[found++] = agents[i];
        }
    }

    /// @notice Models one must read, and agents that must read one's model.
    function cutoff() public view returns (uint256) {
        return majority ? audits / 2 + 1 : uint256(audits) * 2 / 3;
    }

    /// @notice The agents in this round's circle: each audits its own model and those of the next ones, as many as
    /// each model has auditors. Empty if everybody audits everybody.
    function circle() external view returns (address[] memory, uint256) {
        return (drawn, audits);
    }

    /// @notice Whether a member is to audit another's model, or its own, in this round.
    function isAuditor(address auditor, address model) public view returns (bool) {
        uint256 size = drawn.length;
        return size == 0 || (standsAt[model] + size - standsAt[auditor]) % size < audits;
    }

    /// @notice p_k = min(m_k / max m, d_k / max d) of the members in their order, once all are tallied, and their sum.
    /// If all are 0 they count as 1: nobody stands out.
    function contributions() public view returns (uint256[] memory p, uint256 sum) {
        require(tallies[round].datasets == agents.length, "datasets missing");
        Tally storage tally = tallies[round];
        p = new uint256[](agents.length);
        for (uint256 i = 0; i < p.length; i++) {
            Turn storage turn = turns[round][agents[i]];
            uint256 quality = _share(turn.median - 1, tally.bestMedian);
            uint256 honesty = _share(turn.agreement - 1, tally.bestAgreement);
            p[i] = quality < honesty ? quality : honesty;
            sum += p[i];
        }
        if (sum > 0) return (p, sum);
        for (uint256 i = 0; i < p.length; i++) p[i] = ONE;
        sum = p.length * ONE;
    }

    /// @notice First 20 bytes of the salts an auditor commits under: its address, and so never 0. Who copies a
    /// commitment, pending or not, can therefore not open it. The other 12 bytes keep the score secret.
    function saltPrefix(address auditor) public pure returns (bytes20) {
        return bytes20(auditor);
    }

    /// @notice What is known of an agent in a round; see `Turn`.
    function turnOf(uint256 round_, address agent) external view returns (Turn memory) {
        return turns[round_][agent];
    }

    /// @notice What an auditor did with a model in a round; see `Pair`.
    function pairOf(uint256 round_, address auditor, address model) external view returns (Pair memory) {
        return pairs[round_][auditor][model];
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    /// @dev The tallying and the end have no deadline: any member can bring the one on, and nobody owes anything.
    function _open(Stage next) private {
        if (next == Stage.Training) round += 1;
        if (next == Stage.Retrieving) _drawAuditors();
        (stage, done) = (next, 0);
        deadline = next >= Stage.Tallying ? type(uint64).max : uint64(block.number) + window;
        emit StageOpened(round, next, deadline);
    }

    /// @dev Where a model has fewer auditors than there are members, these stand in a new order, each as likely, which
    /// nobody knew when it named its model.
    function _drawAuditors() private {
        uint256 size = agents.length;
        if (auditors == 0 || auditors >= size) {
            (audits, drawn) = (uint32(size), new address[](0));
            return;
        }
        audits = auditors;
        address[] memory order = agents;
        bytes32 chance = keccak256(abi.encode(block.prevrandao, address(this), round));
        for (uint256 i = size - 1; i > 0; i--) {
            chance = keccak256(abi.encode(chance));
            uint256 j = uint256(chance) % (i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }
        drawn = order;
        for (uint256 i = 0; i < size; i++) standsAt[order[i]] = i;
    }

    /// @dev The members that audit a model.
    function _auditorsOf(address model) private view returns (address[] memory) {
        return drawn.length == 0 ? agents : _arc(standsAt[model] + drawn.length - audits + 1);
    }

    /// @dev The members whose models an agent audits.
    function _modelsOf(address auditor) private view returns (address[] memory) {
        return drawn.length == 0 ? agents : _arc(standsAt[auditor]);
    }

    /// @dev Those at this place of the circle and after it, as many as a model has auditors. Who was booted has none
    /// in its place.
    function _arc(uint256 first) private view returns (address[] memory arc) {
        arc = new address[](audits);
        uint256 size = drawn.length;
        for (uint256 i = 0; i < arc.length; i++) {
            address agent = drawn[(first + i) % size];
            if (isMember[agent]) arc[i] = agent;
        }
    }

    /// @dev One more member has done its part; the last one opens the next stage.
    function _finish() private {
        done += 1;
        if (done == agents.length) _open(Stage(uint8(stage) + 1));
    }

    /// @dev Whether an agent has not done what the stage asks of everybody.
    function _failed(address agent) private view returns (bool) {
        Turn storage turn = turns[round][agent];
        if (stage == Stage.Training) return bytes(turn.contentId).length == 0;
        if (stage == Stage.Retrieving) {
            return turn.reads < cutoff() || turn.readers < cutoff() || !pairs[round][agent][agent].read;
        }
        if (stage == Stage.Scoring) return turn.commitments < turn.duty;
        return stage == Stage.Revealing && turn.reveals < turn.duty;
    }

    /// @dev How many members that is.
    function _failures() private view returns (uint256 count) {
        for (uint256 i = 0; i < agents.length; i++) {
            if (_failed(agents[i])) count++;
        }
    }

    /// @dev Share the pool equally among the members, what flooring leaves to the first, and end. At once: what was
    /// read and published stands, so most stages would be failed again, and no member loses more than another.
    function _windUp() private {
        uint256 share = pool / agents.length;
        for (uint256 i = 0; i < agents.length; i++) _credit(agents[i], share);
        _credit(agents[0], pool);
        emit ExperimentWoundUp(round, share);
        _open(Stage.Over);
    }

    /// @dev value / best, and 0 where best is 0.
    function _share(uint256 value, uint256 best) private pure returns (uint256) {
        return best == 0 ? 0 : value * ONE / best;
    }

    /// @dev Move wei from the pool to what an agent may collect.
    function _credit(address agent, uint256 amount) private {
        pool -= amount;
        collectable[agent] += amount;
    }

    /// @dev Take an agent out of `agents`; the others keep their order.
    function _remove(address agent) private {
        uint256 place = 0;
        while (agents[place] != agent) place++;
        for (; place + 1 < agents.length; place++) agents[place] = agents[place + 1];
        agents.pop();
    }
}
