// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ExplorerChain: proof of information decides which site learns next
/// @notice Kuo et al. 2020 (10.1093/jamia/ocaa023). Sites post the errors that a model makes on their own patients; the
/// model starts where its error is lowest, then goes wherever it errs most, until nobody errs more than its holder.
/// Errors are 1 - AUC in millionths. Models lie in a content-addressed store; their SHA-256 digests stand here.
/// @dev A phase that somebody is missing from can be closed from `waiting` blocks after it began; until it is closed,
/// late posts still count.
contract ExplorerChain {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice What a message says. As a phase: what the sites may post now.
    enum Flag {
        Clear,
        Initialize,
        Transfer,
        Update,
        Evaluate,
        Consensus
    }

    /// @notice One message of the paper: who tells whom, about which model, with which error.
    event Posted(
        Flag indexed flag, address indexed from, address indexed to, uint32 iteration, uint32 errorE6, bytes32 model
    );

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What a site has posted.
    struct Report {
        bool registered; // belongs to the consortium
        bool cleared; // was there at the start
        bool member; // takes part: has initialised, or rejoined
        uint32 turn; // the turn its error belongs to
        uint32 errorE6; // its error in that turn
        bytes32 model; // the model it initialised with
    }

    /// @notice Omega: the iteration whose update is the consensus without further evaluation.
    uint32 public immutable maxIterations;

    /// @notice How many blocks a phase waits for those who are missing.
    uint32 public immutable waiting;

    /// @notice The consortium; ties go to whom it names first.
    address[] public sites;

    /// @notice What each site has posted.
    mapping(address site => Report) public reports;

    /// @notice What may be posted now: Clear, Initialize, Update, Evaluate, or with Consensus only to rejoin.
    Flag public phase;

    /// @notice Whether the holder's own patients already made the model that arrived, so that it stays as it is.
    bool public ready;

    /// @notice The paper's iteration t.
    uint32 public iteration;

    /// @notice Counts the rounds of errors, so that an old error never passes for a new one.
    uint32 public turn;

    /// @notice How many have posted in this phase.
    uint32 public posted;

    /// @notice How many the phase waits for.
    uint32 public expected;

    /// @notice The error of the newest model at the site that made it.
    uint32 public errorE6;

    /// @notice The last block in which the phase waits for everybody.
    uint64 public deadline;

    /// @notice Who has the model.
    address public holder;

    /// @notice SHA-256 of the newest model.
    bytes32 public model;

    /*//////////////////////////////////////////////////////////////
                                 ACCESS
    //////////////////////////////////////////////////////////////*/

    modifier onlySites() {
        require(reports[msg.sender].registered, "not a site");
        _;
    }

    modifier during(Flag phase_) {
        require(phase == phase_, "wrong phase");
        _;
    }

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @param sites_ The consortium, in the order that decides ties.
    /// @param maxIterations_ Omega; 0 leaves every site with its own model.
    /// @param waiting_ Blocks a phase waits for those who are missing.
    constructor(address[] memory sites_, uint32 maxIterations_, uint32 waiting_) {
        require(sites_.length > 0, "no sites");
        for (uint256 i; i < sites_.length; ++i) {
            require(!reports[sites_[i]].registered, "site named twice");
            reports[sites_[i]].registered = true;
        }
        sites = sites_;
        maxIterations = maxIterations_;
        waiting = waiting_;
        _begin(Flag.Clear, sites_.length);
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    /// @notice Step 1: a site is there and has nothing left from before.
    function clear() external onlySites during(Flag.Clear) {
        Report storage report = reports[msg.sender];
        require(!report.cleared, "already posted");
        report.cleared = true;
        ++posted;
        emit Posted(Flag.Clear, msg.sender, address(0), 0, 0, 0);
    }

    /// @notice Step 2: a site has trained on its own patients from the prior.
    function initialize(uint32 errorE6_, bytes32 model_) external during(Flag.Initialize) {
        require(reports[msg.sender].cleared, "not cleared");
        _report(errorE6_);
        reports[msg.sender].member = true;
        reports[msg.sender].model = model_;
        emit Posted(Flag.Initialize, msg.sender, address(0), 0, errorE6_, model_);
    }

    /// @notice Step 4: the holder has taken its own patients into the model. The last iteration's is the consensus.
    function update(uint32 iteration_, uint32 errorE6_, bytes32 model_) external during(Flag.Update) {
        require(msg.sender == holder, "not the holder");
        require(iteration_ == iteration, "wrong iteration");
        require(errorE6_ <= 1e6, "error above one");
        require(!ready || (model_ == model && errorE6_ == errorE6), "own model stays as it is");
        _updated(errorE6_, model_);
    }

    /// @notice Step 5: a site other than the holder tells how much the model errs on its own patients.
    function evaluate(uint32 iteration_, uint32 errorE6_) external during(Flag.Evaluate) {
        require(reports[msg.sender].member, "not a member");
        require(msg.sender != holder, "the holder has the model");
        require(iteration_ == iteration, "wrong iteration");
        _report(errorE6_);
        emit Posted(Flag.Evaluate, msg.sender, holder, iteration_, errorE6_, model);
    }

    /// @notice Steps 3, 6 and 7: close the phase, once all have posted or the waiting is over, and do what follows.
    function advance() external onlySites {
        require(phase != Flag.Consensus, "consensus stands");
        require(posted == expected || block.number > deadline, "still waiting");
        if (phase == Flag.Update) return _missed();
        if (phase == Flag.Evaluate) return _pass(iteration + 1);
        require(posted > 0, "nobody posted");
        if (phase == Flag.Clear) {
            turn = 1;
            _begin(Flag.Initialize, posted);
        } else if (maxIterations == 0) {
            _agree();
        } else {
            ready = true;
            _pass(1);
        }
    }

    /// @notice A site that was not there, or has new patients, takes up the consensus if it errs on them as much or more.
    function rejoin(uint32 errorE6_) external onlySites during(Flag.Consensus) {
        require(maxIterations > 0, "sites keep their own models");
        require(errorE6_ <= 1e6, "error above one");
        require(errorE6_ >= errorE6, "the consensus is good enough");
        reports[msg.sender].member = true;
        ready = false;
        ++turn;
        _transfer(msg.sender, 1, errorE6_);
    }

    /// @notice Who the posted errors make the next holder: at first the lowest error, then the largest strictly above the
    /// holder's; the first site wins ties, and nobody is the zero address.
    function next() public view returns (address site) {
        bool lowest = iteration == 0;
        uint256 best = lowest ? type(uint32).max : errorE6;
        for (uint256 i; i < sites.length; ++i) {
            Report storage report = reports[sites[i]];
            if (report.turn != turn || turn == 0) continue;
            if (lowest ? report.errorE6 < best : report.errorE6 > best) {
                (site, best) = (sites[i], report.errorE6);
            }
        }
    }

    /// @notice The sites that take part, in order.
    function members() external view returns (address[] memory found) {
        found = new address[](_members());
        uint256 count;
        for (uint256 i; i < sites.length; ++i) {
            if (reports[sites[i]].member) found[count++] = sites[i];
        }
    }
}
