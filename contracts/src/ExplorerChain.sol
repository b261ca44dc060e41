// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";

/// @title ExplorerChain: proof of information decides which site learns next
/// @notice Kuo et al. 2020 (10.1093/jamia/ocaa023). Sites post how much a model errs on their own patients; the model
/// starts where the error is lowest, then goes to whoever errs most, until nobody errs more than its holder.
/// Errors are 1 - AUC in millionths. Models lie in a content-addressed store; their SHA-256 digests stand here.
/// @dev A phase that somebody is missing from can be ended once its blocks have passed, `phaseBlocks` where sites learn
/// and `waitingBlocks` where they evaluate; posts count until then. Who posts signs the transaction, and so its error,
/// iteration and model: the messages are attestations of their senders. That they are true nobody can tell.
contract ExplorerChain {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice What a message says. As a phase: what is to be posted next.
    enum Flag {
        Clear,
        Initialize,
        Transfer,
        Update,
        Evaluate,
        Consensus
    }

    /// @notice One message: who tells whom (the zero address: everybody), about which model with which error.
    event Posted(
        Flag indexed flag, address indexed from, address indexed to, uint32 iteration, uint32 errorE6, bytes32 model
    );
    /// @notice A member could not read the newest model.
    event Unreadable(address indexed from, address indexed holder, uint32 iteration, bytes32 model);
    /// @notice What would be the consensus is worthless since an update of `site`, which leaves the consortium.
    event Expelled(address indexed site, bytes32 model);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What a site has posted.
    struct Report {
        bool registered; // belongs to the consortium
        bool member; // takes part: has initialised, or rejoined
        uint32 cleared; // one more than the turn before which it was there; 0 never
        uint32 unread; // the turn in which it could not read the model
        uint32 turn; // the turn its error belongs to
        uint32 errorE6; // its error in that turn
        uint32 firstE6; // the error of the model it initialised with
        bytes32 model; // the model it initialised with
    }

    /// @dev The error of a model that tells nothing.
    uint32 private constant COIN = 500_000;

    /// @notice Omega: the update of this iteration is the consensus; 0 leaves every site with its own model.
    uint32 public immutable maxIterations;

    /// @notice Blocks that Clear, Initialize and Update wait for those who are missing: sites train meanwhile.
    uint32 public immutable phaseBlocks;

    /// @notice Blocks that Evaluate waits for those who are missing: the paper's waiting period.
    uint32 public immutable waitingBlocks;

    /// @notice The consortium; the first named wins ties.
    address[] public sites;

    /// @notice What each site has posted.
    mapping(address site => Report report) public reports;

    /// @notice What is to be posted next: Clear, Initialize, Update or Evaluate; with Consensus, nothing.
    Flag public phase;

    /// @notice Whether the holder's own patients already made the model that arrived, which then stays as it is.
    bool public ready;

    /// @notice The paper's iteration t.
    uint32 public iteration;

    /// @notice Counts the collections of errors, so that no error of an earlier one is taken for new.
    uint32 public turn;

    /// @notice The turn whose errors decide who is next, and the one that did before it.
    uint32 public decisive;
    uint32 private decisiveBefore;

    /// @notice How many have posted in this phase.
    uint32 public posted;

    /// @notice How many of them could not read the model; a suspect is not counted.
    uint32 public unread;

    /// @notice How many find it worthless: no better than a coin, although their own first models are. A suspect is not
    /// counted.
    uint32 public worthless;

    /// @notice How many posts the phase waits for.
    uint32 public expected;

    /// @notice How many sites take part.
    uint32 public memberCount;

    /// @notice How many sites belong to the consortium.
    uint32 public siteCount;

    /// @notice Error of the newest model on the patients of the site that made it.
    uint32 public errorE6;

    /// @notice The site that has the model.
    address public holder;

    /// @notice The site that made the newest model.
    address public maker;

    /// @notice The member since whose update the others have not found a model good; the zero address is nobody.
    address public suspect;

    /// @notice The last block in which the phase waits for those who are missing.
    Deadline public deadline;

    /// @notice SHA-256 of the newest model.
    bytes32 public model;

    /// @dev The model before the newest, its maker and its error, in case the newest turns out to be unreadable.
    bytes32 private modelBefore;
    address private makerBefore;
    uint32 private errorBeforeE6;

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

    modifier evaluating(uint32 iteration_) {
        require(phase == Flag.Evaluate, "wrong phase");
        require(reports[msg.sender].member, "not a member");
        require(msg.sender != holder, "the holder made the model");
        require(iteration_ == iteration, "wrong iteration");
        _;
    }

    modifier possible(uint32 errorE6_) {
        require(errorE6_ <= 1e6, "error above one");
        _;
    }

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @param sites_ The consortium, in the order that decides ties.
    /// @param maxIterations_ Omega.
    /// @param phaseBlocks_ Blocks that Clear, Initialize and Update wait for those who are missing.
    /// @param waitingBlocks_ Blocks that Evaluate waits for them.
    constructor(address[] memory sites_, uint32 maxIterations_, uint32 phaseBlocks_, uint32 waitingBlocks_) {
        require(sites_.length > 0, "no sites");
        for (uint256 i; i < sites_.length; ++i) {
            require(!reports[sites_[i]].registered, "site named twice");
            reports[sites_[i]].registered = true;
        }
        (sites, maxIterations, siteCount) = (sites_, maxIterations_, uint32(sites_.length));
        (phaseBlocks, waitingBlocks) = (phaseBlocks_, waitingBlocks_);
        _begin(Flag.Clear, siteCount);
    }

    /*//////////////////////////////////////////////////////////////
                           MESSAGES OF THE SITES
    //////////////////////////////////////////////////////////////*/

    /// @notice Step 1: a site is there, with nothing left from before.
    function clear() external onlySites during(Flag.Clear) {
        require(reports[msg.sender].cleared != turn + 1, "already posted");
        reports[msg.sender].cleared = turn + 1;
        ++posted;
        emit Posted(Flag.Clear, msg.sender, address(0), 0, 0, 0);
    }

    /// @notice Step 2: a site has trained on its own patients from the prior.
    function initialize(uint32 errorE6_, bytes32 model_) external during(Flag.Initialize) {
        require(reports[msg.sender].cleared == turn, "not cleared");
        _report(errorE6_);
        _join();
        (reports[msg.sender].firstE6, reports[msg.sender].model) = (errorE6_, model_);
        emit Posted(Flag.Initialize, msg.sender, address(0), 0, errorE6_, model_);
    }

    /// @notice Step 4: the holder has taken its own patients into the model, or kept the one they already made.
    function update(uint32 iteration_, uint32 errorE6_, bytes32 model_)
        external
        during(Flag.Update)
        possible(errorE6_)
    {
        require(msg.sender == holder, "not the holder");
        require(iteration_ == iteration, "wrong iteration");
        require(!ready || (errorE6_ == errorE6 && model_ == model), "own model stays as it is");
        (errorBeforeE6, makerBefore, modelBefore) = (errorE6, maker, model);
        (errorE6, maker, model) = (errorE6_, holder, model_);
        _updated();
    }

    /// @notice Step 5: a site other than the holder tells how much the model errs on its own patients.
    function evaluate(uint32 iteration_, uint32 errorE6_) external evaluating(iteration_) {
        _report(errorE6_);
        if (errorE6_ >= COIN && reports[msg.sender].firstE6 < COIN && msg.sender != suspect) ++worthless;
        emit Posted(Flag.Evaluate, msg.sender, holder, iteration_, errorE6_, model);
    }

    /// @notice Step 5 where there is nothing to evaluate: no such content, or no model of this many coefficients. If more
    /// than half of those who post say so, be it one alone, the holder counts as missing.
    function unreadable(uint32 iteration_) external evaluating(iteration_) {
        _once();
        reports[msg.sender].unread = turn;
        if (msg.sender != suspect) ++unread;
        emit Unreadable(msg.sender, holder, iteration_, model);
    }

    /// @notice A site that was missing, or has new patients, takes the consensus up again if it errs as much or more.
    function rejoin(uint32 errorE6_) external onlySites during(Flag.Consensus) possible(errorE6_) {
        require(maxIterations > 0, "sites keep their own models");
        require(errorE6_ >= errorE6, "the consensus is good enough");
        if (!reports[msg.sender].member) _join();
        ready = false;
        decisive = ++turn;
        _transfer(msg.sender, 1);
    }

    /*//////////////////////////////////////////////////////////////
                          PROOF OF INFORMATION
    //////////////////////////////////////////////////////////////*/

    /// @notice Steps 3, 6 and 7: end the phase, once everybody has posted or the wait is over, and do what follows.
    /// Anybody may.
    function advance() external {
        require(phase != Flag.Consensus, "consensus stands");
        require(posted == expected || deadline.passed(), "still waiting");
        require(posted > 0 || phase != Flag.Clear, "nobody posted");
        if (phase == Flag.Clear) {
            decisive = ++turn;
            _begin(Flag.Initialize, posted);
        } else if (phase == Flag.Initialize) {
            _start();
        } else if (phase == Flag.Evaluate) {
            uint32 heard = _heard();
            if (2 * unread > heard) return _withdraw();
            _judge(heard - unread - worthless);
            _pass(iteration + 1);
        } else if (ready) {
            _updated(); // the missing holder's model and error are known already
        } else {
            reports[holder].turn = 0; // the missing holder is passed over
            _pass(iteration);
        }
    }

    /// @notice Who comes next by the errors of the decisive turn: at first the lowest, then the largest of those strictly above
    /// the holder's. The first named site wins ties; the zero address is nobody.
    function next() public view returns (address site) {
        bool lowest = phase == Flag.Initialize;
        uint256 best = lowest ? type(uint256).max : errorE6;
        for (uint256 i; i < sites.length; ++i) {
            Report storage report = reports[sites[i]];
            if (report.turn == decisive && (lowest ? report.errorE6 < best : report.errorE6 > best)) {
                (site, best) = (sites[i], report.errorE6);
            }
        }
    }

    /// @notice The sites that take part, in the consortium's order.
    function members() external view returns (address[] memory found) {
        return _sites(true, memberCount);
    }

    /// @notice The sites of the consortium that do not take part, in its order.
    function outsiders() external view returns (address[] memory found) {
        return _sites(false, siteCount - memberCount);
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    /// @dev Wait for `expected_` posts.
    function _begin(Flag phase_, uint32 expected_) private {
        (phase, posted, expected) = (phase_, 0, expected_);
        deadline = Deadlines.within(phase_ < Flag.Evaluate ? phaseBlocks : waitingBlocks);
    }

    function _sites(bool member, uint256 howMany) private view returns (address[] memory found) {
        found = new address[](howMany);
        uint256 count;
        for (uint256 i; i < sites.length; ++i) {
            Report storage report = reports[sites[i]];
            if (report.registered && report.member == member) found[count++] = sites[i];
        }
    }

    /// @dev Keep the sender's error of this turn.
    function _report(uint32 errorE6_) private possible(errorE6_) {
        _once();
        (reports[msg.sender].turn, reports[msg.sender].errorE6) = (turn, errorE6_);
    }

    /// @dev Count what the sender posts, once a turn.
    function _once() private {
        Report storage report = reports[msg.sender];
        require(report.turn != turn && report.unread != turn, "already posted");
        ++posted;
    }

    /// @dev The sender takes part from now on.
    function _join() private {
        reports[msg.sender].member = true;
        ++memberCount;
    }

    /// @dev All sites of the consortium clear again, be they members or not.
    function _restart() private {
        for (uint256 i; i < sites.length; ++i) reports[sites[i]].member = false;
        memberCount = 0;
        ++turn;
        _begin(Flag.Clear, siteCount);
    }

    /// @dev Step 3: the model of the lowest error starts, as iteration 1, where it was made.
    function _start() private {
        address first = next();
        if (first == address(0)) return _restart(); // of those who cleared nobody initialized
        if (maxIterations == 0) return _agree();
        (ready, errorE6, maker, model) = (true, reports[first].errorE6, first, reports[first].model);
        _transfer(first, 1);
    }

    /// @dev Step 6: transfer to whom the errors name, or agree when they name nobody. Step 7: or after iteration Omega.
    function _pass(uint32 iteration_) private {
        address to = next();
        if (to == address(0) || iteration_ > maxIterations) return _agree();
        ready = false;
        _transfer(to, iteration_);
    }

    /// @dev Take back an update that nobody can read, and go on as if its holder had been missing.
    function _withdraw() private {
        ++turn;
        decisive = decisiveBefore;
        reports[holder].turn = 0;
        if (ready) {
            phase = Flag.Initialize;
            _start();
        } else {
            (errorE6, maker, model) = (errorBeforeE6, makerBefore, modelBefore);
            _pass(iteration);
        }
    }

    /// @dev How many have a vote on the newest model and used it: a suspect would acquit itself.
    function _heard() private view returns (uint32) {
        if (suspect == address(0)) return posted;
        Report storage report = reports[suspect];
        return report.turn == turn || report.unread == turn ? posted - 1 : posted;
    }

    /// @dev Suspect the maker of a model that more than half find worthless, where one alone is not more than half. Only
    /// more than half of those with a vote who find the model good clear it, for silence says nothing.
    function _judge(uint32 good) private {
        if (suspect == address(0)) {
            if (expected > 1 && 2 * worthless > expected) suspect = maker;
        } else if (2 * good > expected - (suspect == holder ? 0 : 1)) {
            suspect = address(0);
        }
    }

    function _transfer(address to, uint32 iteration_) private {
        (holder, iteration) = (to, iteration_);
        _begin(Flag.Update, 1);
        emit Posted(Flag.Transfer, msg.sender, to, iteration_, errorE6, model);
    }

    /// @dev Every update is evaluated, that of iteration Omega too, for nobody should agree on what nobody has looked at.
    function _updated() private {
        (decisiveBefore, decisive, unread, worthless) = (decisive, ++turn, 0, 0);
        _begin(Flag.Evaluate, memberCount - 1);
        emit Posted(Flag.Update, holder, address(0), iteration, errorE6, model);
    }

    /// @dev A worthless model is no consensus: all begin anew, without the site that made it so.
    function _agree() private {
        if (suspect != address(0)) {
            emit Expelled(suspect, model);
            reports[suspect].registered = false;
            --siteCount;
            suspect = address(0);
            return _restart();
        }
        _begin(Flag.Consensus, 0);
        emit Posted(Flag.Consensus, msg.sender, address(0), iteration, errorE6, model);
    }
}
