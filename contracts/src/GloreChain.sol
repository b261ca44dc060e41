// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";

/// @title GloreChain: every site is client, and each in turn is server (Kuo et al. 2019)
/// @notice In each iteration all sites post the sums over their own patients, one of them adds up and takes a Newton step,
/// and the others compute it again. The sums and the steps lie in an open store; here stand their hashes, in the order
/// in which servers take turns.
contract GloreChain {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice A site is there and begins with coefficients of zero.
    event Initialized(address indexed site);

    /// @notice A site's sums in an iteration, for everyone to read.
    event Updated(uint32 indexed iteration, address indexed site, bytes32 statistics);

    /// @notice The server's new coefficients, and whether it finds that they moved no more.
    event Transferred(uint32 indexed iteration, address indexed server, bytes32 model, bool converged);

    /// @notice What another site found when it took the same step.
    event Checked(uint32 indexed iteration, address indexed site, address indexed server, bool right);

    /// @notice A server was silent, or most of the others found another step: the next one's turn.
    event PassedOver(uint32 indexed iteration, address indexed server);

    /// @notice The coefficients of these patients are final, or what stands when no server's step was agreed on.
    event Agreed(uint32 indexed iteration, bytes32 model);

    /*//////////////////////////////////////////////////////////////
                                 STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What is waited for: all sites, their sums, the server's step, the others' word on it; or nothing.
    enum Phase { Initialize, Update, Transfer, Check, Consensus }

    /// @notice What a site has posted; `seen` is 1 after Initialize and t + 2 after its sums of iteration t.
    struct Site {
        bool registered;
        uint32 seen;
        uint32 checked; // the turn after the last that it checked
        bytes32 statistics;
    }

    /// @notice T_max: the step of this iteration, counted from 0, is the last.
    uint32 public immutable maxIterations;

    /// @notice Blocks that a phase waits for those who are missing.
    uint32 public immutable phaseBlocks;

    /// @notice All sites, in the order in which they are server.
    address[] public order;

    mapping(address => Site) public sites;

    Phase public phase;

    /// @notice The paper's iteration t, from 0.
    uint32 public iteration;

    /// @notice How many have been server before: one an iteration, and those that were passed over.
    uint32 public turn;

    /// @notice How many were passed over in this iteration.
    uint32 public passed;

    /// @notice How many have posted in this phase.
    uint32 public posted;

    /// @notice How many the phase waits for. Who missed the last iteration may post sums again, and is not waited for.
    uint32 public expected;

    /// @notice How many of those have posted.
    uint32 public heard;

    /// @notice How many sums the step of this iteration adds up; those sites are waited for in the next one.
    uint32 public updated;

    /// @notice How many found another step than the server.
    uint32 public wrong;

    /// @notice Whether the server finds that its step moved nothing any more.
    bool public converged;

    /// @notice Who made the coefficients that were agreed on last, and who made those that are checked.
    address public maker;

    /// @notice SHA-256 of the coefficients that were agreed on last; none is zero for all.
    bytes32 public model;

    /// @notice SHA-256 of the coefficients that are checked.
    bytes32 public proposal;

    /// @notice The last block in which nobody can go on without those who are missing.
    Deadline public deadline;

    /*//////////////////////////////////////////////////////////////
                                 ACCESS
    //////////////////////////////////////////////////////////////*/

    modifier onlySites() {
        require(sites[msg.sender].registered, "not a site");
        _;
    }

    modifier during(Phase phase_) {
        require(phase == phase_, "wrong phase");
        _;
    }

    /*//////////////////////////////////////////////////////////////
                               CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @param order_ All sites, in the order in which they are server: that of their names.
    /// @param maxIterations_ T_max.
    /// @param phaseBlocks_ Blocks that a phase waits for those who are missing.
    constructor(address[] memory order_, uint32 maxIterations_, uint32 phaseBlocks_) {
        require(order_.length > 0, "no sites");
        for (uint256 i; i < order_.length; ++i) {
            require(!sites[order_[i]].registered, "site named twice");
            sites[order_[i]].registered = true;
        }
        (order, maxIterations, phaseBlocks) = (order_, maxIterations_, phaseBlocks_);
        _begin(Phase.Initialize, uint32(order_.length));
    }

    /*//////////////////////////////////////////////////////////////
                          MESSAGES OF THE SITES
    //////////////////////////////////////////////////////////////*/

    /// @notice Steps 1 and 2: a site is there and begins with coefficients of zero.
    function initialize() external onlySites during(Phase.Initialize) {
        Site storage site = sites[msg.sender];
        require(site.seen == 0, "already posted");
        site.seen = 1;
        _count(true);
        emit Initialized(msg.sender);
    }

    /// @notice Step 3: a site posts its sums at the coefficients that stand.
    /// @param iteration_ the iteration they are for
    /// @param statistics SHA-256 of D_k and E_k
    function update(uint32 iteration_, bytes32 statistics) external onlySites during(Phase.Update) {
        require(iteration_ == iteration, "wrong iteration");
        Site storage site = sites[msg.sender];
        require(site.seen < iteration + 2, "already posted");
        _count(site.seen == iteration + 1);
        (site.seen, site.statistics) = (iteration + 2, statistics);
        emit Updated(iteration, msg.sender, statistics);
    }

    /// @notice Step 4: the server, and nobody else, takes the step.
    /// @param turn_ the turn it has
    /// @param model_ SHA-256 of the new coefficients
    /// @param converged_ whether none of them moved any more: CONSENSUS in place of TRANSFER
    function transfer(uint32 turn_, bytes32 model_, bool converged_) external during(Phase.Transfer) {
        require(msg.sender == server(), "not the server");
        require(turn_ == turn, "wrong turn");
        (proposal, converged) = (model_, converged_);
        emit Transferred(iteration, msg.sender, model_, converged_);
        wrong = 0;
        _begin(Phase.Check, _posted(msg.sender) ? updated - 1 : updated);
    }

    /// @notice Whoever's sums went into the step takes it again, and says whether the server's is right.
    /// @param turn_ the turn of that server
    /// @param right whether coefficients and their having converged are as they must be
    function check(uint32 turn_, bool right) external during(Phase.Check) {
        Site storage site = sites[msg.sender];
        require(turn_ == turn, "wrong turn");
        require(_posted(msg.sender), "no sums in this step");
        require(msg.sender != server(), "the server took the step");
        require(site.checked < turn + 1, "already posted");
        site.checked = turn + 1;
        _count(true);
        if (!right) ++wrong;
        emit Checked(iteration, msg.sender, server(), right);
    }

    /*//////////////////////////////////////////////////////////////
                                 TURNS
    //////////////////////////////////////////////////////////////*/

    /// @notice End the phase, once everybody it waits for has posted or the wait is over, and do what follows. Anybody
    /// may. Of a silent site nothing is added up; a silent server is passed over, and so is one whose step more than half
    /// of those who checked it found wrong.
    function advance() external {
        require(phase != Phase.Consensus, "consensus stands");
        require(heard == expected || deadline.passed(), "still waiting");
        require(posted > 0 || phase > Phase.Update, "nobody posted");
        if (phase == Phase.Initialize) {
            _begin(Phase.Update, posted);
        } else if (phase == Phase.Update) {
            updated = posted;
            _begin(Phase.Transfer, 1);
        } else if (phase == Phase.Transfer || 2 * wrong > posted) {
            _passOver();
        } else {
            _agree();
        }
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice Whose turn it is.
    function server() public view returns (address) {
        return order[turn % order.length];
    }

    /// @notice Who posted sums in this iteration, and their hashes, in the order of sites: all add up in this order.
    function updates() external view returns (address[] memory who, bytes32[] memory statistics) {
        who = _whoHas(iteration + 2);
        statistics = new bytes32[](who.length);
        for (uint256 i; i < who.length; ++i) statistics[i] = sites[who[i]].statistics;
    }

    /// @notice Who posted what went before and nothing yet in this iteration: an update waits for these.
    function awaited() external view returns (address[] memory) {
        return _whoHas(iteration + 1);
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNALS
    //////////////////////////////////////////////////////////////*/

    function _begin(Phase phase_, uint32 expected_) private {
        (phase, posted, heard, expected) = (phase_, 0, 0, expected_);
        deadline = Deadlines.within(phaseBlocks);
    }

    function _count(bool waitedFor) private {
        ++posted;
        if (waitedFor) ++heard;
    }

    /// @dev Whether a site's sums are part of this iteration's step.
    function _posted(address site) private view returns (bool) {
        return sites[site].seen == iteration + 2;
    }

    function _whoHas(uint32 seen) private view returns (address[] memory who) {
        uint256 count;
        for (uint256 i; i < order.length; ++i) if (sites[order[i]].seen == seen) ++count;
        who = new address[](count);
        count = 0;
        for (uint256 i; i < order.length; ++i) if (sites[order[i]].seen == seen) who[count++] = order[i];
    }

    /// @dev The next site is server of the same iteration. Once all have been, learning ends with what stands.
    function _passOver() private {
        emit PassedOver(iteration, server());
        ++turn;
        if (++passed == order.length) return _end();
        _begin(Phase.Transfer, 1);
    }

    /// @dev The step stands: the last one, or the next iteration's beginning.
    function _agree() private {
        (maker, model) = (server(), proposal);
        if (converged || iteration == maxIterations) return _end();
        ++turn;
        ++iteration;
        passed = 0;
        _begin(Phase.Update, updated);
    }

    function _end() private {
        _begin(Phase.Consensus, 0);
        emit Agreed(iteration, model);
    }
}
