// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Biscotti: peers are drawn by stake to verify and to aggregate updates that only their owners know
/// @notice Shayan, Fung, Yoon, Beschastnikh, IEEE TPDS 32(7), 2021, arXiv 1811.09904. In each iteration drawn trainers
/// commit to their updates, drawn verifiers vote on them, drawn aggregators agree on a block: the new model with the sum
/// of the accepted commitments; and the peers check that the model opens that sum. Stakes follow the votes, and the
/// block's hash draws the next roles. Updates stay off chain.
/// @dev Stakes are numbers of this contract, not wei. They change by `unit`: in `_seal` for each decided update, in
/// `_fail` and `_lose` for whoever made or backed a block that was refused. Every phase ends after its deadline.
contract Biscotti {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice A peer took its place with the genesis stake.
    event Registered(address indexed peer);
    /// @notice Who verifies and who aggregates in an iteration; the first of the aggregators leads.
    event Drawn(uint64 indexed iteration, address[] verifiers, address[] aggregators);
    /// @notice A trainer fixed its update.
    event Submitted(uint64 indexed iteration, address indexed trainer, bytes32 digest);
    /// @notice A verifier voted on updates, a bit each by order of submission.
    event Voted(uint64 indexed iteration, address indexed verifier, uint256 approved, uint256 refused);
    /// @notice An aggregator proposed the block.
    event Proposed(uint64 indexed iteration, address indexed leader, bytes32 model, uint256 included);
    /// @notice A proposal failed; the next aggregator leads.
    event Failed(uint64 indexed iteration, address indexed leader);
    /// @notice More than half of the aggregators agreed on the block, and the peers found that it opens.
    event Sealed(uint64 indexed iteration, bytes32 indexed hash, bytes32 model);
    /// @notice An iteration ended without a block.
    event Lost(uint64 indexed iteration);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What the contract waits for.
    enum Phase { Registering, Collecting, Verifying, Aggregating, Checking }

    /// @dev A peer of the consortium. Numbers of iterations and of proposals count from 1.
    struct Peer {
        bytes32 key; // SHA-256 of the point that its own draws are checked by
        bytes32[2] noise; // digests of its noise, for even and for odd iterations
        uint64[2] noiseFor; // the iterations they are for
        uint64 place; // in the consortium, from 1
        uint64 stake; // tickets in the lottery
        bool registered; // whether it took its place
        uint64 submittedIn; // last iteration it trained in
        uint64 votedIn; // last iteration it voted in
        uint64 judged; // last proposal it endorsed or refused
        uint64 backed; // last proposal it made or endorsed
        uint64 checked; // last proposal whose opening it checked
    }

    /// @dev An update by order of submission.
    struct Submission {
        address trainer;
        bytes32 digest; // keccak256 of the points it is committed by
    }

    /// @dev What a verifier thinks of the updates, a bit each. Those it was not shown have neither.
    struct Ballot {
        uint256 approved;
        uint256 refused;
    }

    /// @dev The latest block, or the one proposed.
    struct Block {
        bytes32 model; // SHA-256 of the global model
        uint256 included; // bits of the updates in it, by order of submission
        uint256[] commitment; // sum of their points: x, y of each
    }

    /// @dev Numbers of two bytes from a seed.
    struct Chances {
        bytes32 seed; // then its SHA-256 and so on
        uint256 at; // numbers taken from it
    }

    /// @notice Updates an iteration takes at most, since votes are bits of a word.
    uint256 public constant MOST_UPDATES = 256;
    /// @notice Tickets there are at most, as two bytes name one; with more, a draw would never find some peers.
    uint256 public constant MOST_TICKETS = 65_536;

    /// @notice Seats for verifiers; without any nobody votes and every update is accepted.
    uint256 public immutable verifierSeats;
    /// @notice Seats for aggregators, fewer than peers.
    uint256 public immutable aggregatorSeats;
    /// @notice Trainers that are drawn in an iteration at most.
    uint256 public immutable wanted;
    /// @notice Points that commit to one update; without any, nothing is added up and no opening is checked.
    uint256 public immutable terms;
    /// @notice Stake of a peer that registers.
    uint64 public immutable genesisStake;
    /// @notice Stake an accepted update earns, and a refused one or a refused block burns.
    uint64 public immutable unit;
    /// @notice Blocks a phase lasts at most.
    uint64 public immutable phaseBlocks;

    /// @notice What the contract waits for now.
    Phase public phase;
    /// @notice The present iteration, from 1; 0 while peers register.
    uint64 public iteration;
    /// @notice Last block before the phase can be closed.
    uint64 public deadline;
    /// @notice Peers registered so far.
    uint64 public registered;
    /// @notice Trainers of this iteration.
    uint64 public expected;
    /// @notice Updates submitted in this iteration.
    uint64 public submitted;
    /// @notice Which of the aggregators leads.
    uint64 public turn;
    /// @notice Proposals so far.
    uint64 public proposals;
    /// @notice Aggregators that agree to the proposed block, its proposer among them; 0 without a proposal.
    uint64 public agreed;
    /// @notice Aggregators that refuse it.
    uint64 public refused;
    /// @notice Peers that found that the block opens.
    uint64 public opened;
    /// @notice Peers that found that it does not.
    uint64 public objected;
    /// @notice All stakes together, the genesis stakes of those who have not come among them.
    uint64 public tickets;
    /// @notice What this iteration's roles are drawn from.
    bytes32 public seed;
    /// @notice Hash of the latest block, which holds that of the block before.
    bytes32 public head;
    /// @notice Bits of the updates that most verifiers approved.
    uint256 public accepted;
    /// @notice Bits of the updates that most verifiers refused.
    uint256 public rejected;
    /// @dev The consortium in order: a place is a peer's number.
    address[] private peers;
    mapping(address => Peer) private peerOf;
    mapping(uint256 => Submission) private submissionAt;
    mapping(uint256 => uint256) private sample; // bits of the trainers' numbers
    Ballot[] private ballots;
    address[] private verifiers;
    address[] private aggregators;
    Block private latest;
    Block private proposal;

    /// @param consortium Peers that may register, in order.
    /// @dev The other parameters are as the storage says.
    constructor(
        address[] memory consortium,
        uint256 verifierSeats_,
        uint256 aggregatorSeats_,
        uint256 wanted_,
        uint256 terms_,
        uint64 genesisStake_,
        uint64 unit_,
        uint64 phaseBlocks_
    ) {
        require(consortium.length > verifierSeats_, "nobody left to train");
        require(aggregatorSeats_ > 0, "no aggregators");
        require(aggregatorSeats_ < consortium.length, "as many aggregators as peers");
        require(wanted_ > 0 && wanted_ <= MOST_UPDATES, "wanted is not 1 to 256");
        require(consortium.length * genesisStake_ <= MOST_TICKETS, "too many tickets");
        for (uint256 i = 0; i < consortium.length; i++) {
            require(peerOf[consortium[i]].place == 0, "listed twice");
            peerOf[consortium[i]].place = uint64(i + 1);
        }
        peers = consortium;
        (verifierSeats, aggregatorSeats, wanted, terms) = (verifierSeats_, aggregatorSeats_, wanted_, terms_);
        (genesisStake, unit, phaseBlocks) = (genesisStake_, unit_, phaseBlocks_);
        tickets = uint64(consortium.length * genesisStake_);
        _enter(Phase.Registering);
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    modifier during(Phase wantedPhase) {
        require(phase == wantedPhase, "not the phase");
        _;
    }

    /// @notice Take one's place and get the genesis stake. When all have come, the first iteration begins; who comes
    /// later trains from then on, if a seat of this iteration's trainers is empty, and is drawn from the next one on.
    /// @param key SHA-256 of the point that the peer's own draws are checked by
    /// @param noise as in `commitNoise`
    function register(bytes32 key, bytes32 noise) external {
        Peer storage peer = peerOf[msg.sender];
        require(peer.place > 0, "not in the consortium");
        require(!peer.registered, "already registered");
        (peer.registered, peer.key, peer.stake) = (true, key, genesisStake);
        _fixNoise(peer, noise);
        registered += 1;
        emit Registered(msg.sender);
        if (phase == Phase.Registering && registered == peers.length) _next(_chance());
        else if (phase == Phase.Collecting && expected < wanted) _expect(peer.place - 1);
    }

    /// @notice Fix the noise one will give in the next iteration, before anybody knows who will ask for it.
    /// @param digest keccak256(iteration || point), the point being the commitment to the noise
    function commitNoise(bytes32 digest) external {
        require(peerOf[msg.sender].registered, "not registered");
        _fixNoise(peerOf[msg.sender], digest);
    }

    /// @notice Step 3: a drawn trainer fixes its update. With the last one the verifiers begin.
    /// @param digest keccak256 of its `terms` points, x and y of each
    function submit(bytes32 digest) external during(Phase.Collecting) {
        Peer storage peer = peerOf[msg.sender];
        require(peer.registered, "not registered");
        require(_drawnToTrain(peer.place - 1), "not drawn to train");
        require(peer.submittedIn < iteration, "already submitted");
        peer.submittedIn = iteration;
        submissionAt[submitted] = Submission(msg.sender, digest);
        submitted += 1;
        emit Submitted(iteration, msg.sender, digest);
        if (submitted == expected) _collected();
    }

    /// @notice Step 4: a drawn verifier approves and refuses commitments. With the last vote they are counted.
    /// @param approved a bit for each update, by order of submission from the lowest
    /// @param refused_ likewise; an update that the verifier was not shown has neither
    function vote(uint256 approved, uint256 refused_) external during(Phase.Verifying) {
        require(_among(verifiers, msg.sender), "not a verifier");
        require(peerOf[msg.sender].votedIn < iteration, "already voted");
        require((approved | refused_) & ~_all() == 0, "no such update");
        require(approved & refused_ == 0, "approved and refused");
        peerOf[msg.sender].votedIn = iteration;
        ballots.push(Ballot(approved, refused_));
        emit Voted(iteration, msg.sender, approved, refused_);
        if (ballots.length == verifiers.length) _count();
    }

    /// @notice Step 6: the leader proposes the block. The contract adds the commitments of the included updates, so that
    /// the recovered sum can be held against it.
    /// @param model SHA-256 of the global model
    /// @param included bits of the updates in it: accepted ones, and more than half of these, so that none stands alone
    /// @param points those updates' points in order: x, y of each
    function propose(bytes32 model, uint256 included, uint256[] calldata points) external during(Phase.Aggregating) {
        require(agreed == 0, "already proposed");
        require(msg.sender == leader(), "the leader proposes");
        require(included & ~accepted == 0, "not accepted");
        require(2 * _ones(included) > _ones(accepted), "not most of the accepted");
        (proposal.model, proposal.included) = (model, included);
        proposal.commitment = _sum(included, points);
        proposals += 1;
        deadline = uint64(block.number) + phaseBlocks;
        emit Proposed(iteration, msg.sender, model, included);
        peerOf[msg.sender].judged = proposals;
        _agree();
    }

    /// @notice An aggregator that found the same model from the same updates agrees to the block.
    function endorse(bytes32 model, uint256 included) external during(Phase.Aggregating) {
        _judge();
        require(model == proposal.model && included == proposal.included, "another block");
        _agree();
    }

    /// @notice An aggregator that found another model refuses the block. If half of them do it fails: its proposer loses
    /// stake, and the next aggregator leads.
    function refuse() external during(Phase.Aggregating) {
        _judge();
        refused += 1;
        if (2 * refused < aggregators.length) return;
        _burn(leader());
        _fail();
    }

    /// @notice A peer tells whether the block's model opens the sum of commitments. If more than half say so it is
    /// sealed, if half object the iteration is lost, and those who agreed to the block lose stake.
    function check(bool opens) external during(Phase.Checking) {
        Peer storage peer = peerOf[msg.sender];
        require(peer.registered, "not registered");
        require(peer.checked < proposals, "already checked");
        peer.checked = proposals;
        if (opens) opened += 1;
        else objected += 1;
        if (2 * opened > registered) _seal();
        else if (2 * objected >= registered) _refused();
    }

    /// @notice After the deadline anybody ends the phase with those who came; too few of them lose the iteration. A leader
    /// that is silent, or whose block has not found its majority, is followed by the next. Silence costs no stake.
    function close() external {
        require(block.number > deadline, "before the deadline");
        if (phase == Phase.Registering) {
            _next(_chance());
        } else if (phase == Phase.Collecting) {
            if (submitted == 0) _lose();
            else _collected();
        } else if (phase == Phase.Verifying) {
            _count();
        } else if (phase == Phase.Aggregating) {
            _fail();
        } else if (opened > objected) {
            _seal();
        } else {
            _refused();
        }
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice This iteration's verifiers and aggregators, in order of draw.
    function roles() external view returns (address[] memory, address[] memory) {
        return (verifiers, aggregators);
    }

    /// @notice This iteration's trainers, by their place.
    function trainers() external view returns (address[] memory drawn) {
        drawn = new address[](expected);
        uint256 found = 0;
        for (uint256 i = 0; i < peers.length; i++) if (_drawnToTrain(i)) drawn[found++] = peers[i];
    }

    /// @notice The aggregator that may propose: the first drawn, then the second and so on.
    function leader() public view returns (address) {
        return aggregators[turn];
    }

    /// @notice Every peer of the consortium: its stake, its key, the digest of its noise for this iteration (zero if it
    /// fixed none), and whether it registered.
    function standing()
        external
        view
        returns (uint256[] memory stakes, bytes32[] memory keys, bytes32[] memory noises, bool[] memory present)
    {
        (stakes, keys, noises) = (_stakes(), new bytes32[](peers.length), new bytes32[](peers.length));
        present = new bool[](peers.length);
        for (uint256 i = 0; i < peers.length; i++) {
            Peer storage peer = peerOf[peers[i]];
            (keys[i], present[i]) = (peer.key, peer.registered);
            if (peer.noiseFor[iteration % 2] == iteration) noises[i] = peer.noise[iteration % 2];
        }
    }

    /// @notice This iteration's updates, by order of submission.
    function submissions() external view returns (address[] memory by, bytes32[] memory digests) {
        (by, digests) = (new address[](submitted), new bytes32[](submitted));
        for (uint256 i = 0; i < submitted; i++) {
            (by[i], digests[i]) = (submissionAt[i].trainer, submissionAt[i].digest);
        }
    }

    /// @notice The latest block's model, and the sum of the commitments that went into it: x, y of each point.
    function tip() external view returns (bytes32 model, uint256[] memory commitment) {
        return (latest.model, latest.commitment);
    }

    /// @notice The same of the block that is proposed, and the bits of the updates in it.
    function proposed() external view returns (bytes32 model, uint256 included, uint256[] memory commitment) {
        return (proposal.model, proposal.included, proposal.commitment);
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    function _enter(Phase next) private {
        phase = next;
        deadline = uint64(block.number) + phaseBlocks;
    }

    function _fixNoise(Peer storage peer, bytes32 digest) private {
        uint64 next = iteration + 1;
        (peer.noise[next % 2], peer.noiseFor[next % 2]) = (digest, next);
    }

    function _expect(uint256 place) private {
        sample[place / 256] |= 1 << (place % 256);
        expected += 1;
    }

    function _drawnToTrain(uint256 place) private view returns (bool) {
        return (sample[place / 256] >> (place % 256)) & 1 == 1;
    }

    function _collected() private {
        if (verifierSeats > 0) {
            _enter(Phase.Verifying);
        } else {
            accepted = _all();
            _enter(Phase.Aggregating);
        }
    }

    /// @dev An update is accepted that more than half of all verifiers approved, and rejected that so many refused.
    function _count() private {
        for (uint256 i = 0; i < submitted; i++) {
            (uint256 approvals, uint256 refusals) = (0, 0);
            for (uint256 j = 0; j < ballots.length; j++) {
                approvals += (ballots[j].approved >> i) & 1;
                refusals += (ballots[j].refused >> i) & 1;
            }
            if (2 * approvals > verifiers.length) accepted |= 1 << i;
            else if (2 * refusals > verifiers.length) rejected |= 1 << i;
        }
        if (accepted == 0) _lose();
        else _enter(Phase.Aggregating);
    }

    /// @dev What endorsing and refusing a proposal need.
    function _judge() private {
        require(_among(aggregators, msg.sender), "not an aggregator");
        require(agreed > 0, "nothing proposed");
        require(peerOf[msg.sender].judged < proposals, "already judged");
        peerOf[msg.sender].judged = proposals;
    }

    function _agree() private {
        peerOf[msg.sender].backed = proposals;
        if (2 * ++agreed <= aggregators.length) return;
        if (terms > 0) _enter(Phase.Checking);
        else _seal();
    }

    /// @dev The next aggregator leads; after the last the iteration is lost.
    function _fail() private {
        emit Failed(iteration, leader());
        (agreed, refused, turn) = (0, 0, turn + 1);
        if (turn == aggregators.length) _lose();
        else _enter(Phase.Aggregating);
    }

    /// @dev The peers do not find that the block opens. If they found that it does not, who backed it loses stake.
    function _refused() private {
        if (objected > opened) {
            for (uint256 i = 0; i < aggregators.length; i++) {
                if (peerOf[aggregators[i]].backed == proposals) _burn(aggregators[i]);
            }
        }
        _lose();
    }

    function _burn(address who) private {
        Peer storage peer = peerOf[who];
        uint64 burnt = peer.stake < unit ? peer.stake : unit;
        (peer.stake, tickets) = (peer.stake - burnt, tickets - burnt);
    }

    /// @dev Stakes move by the verifiers' votes. An update that was accepted but is not in the block, because its shares
    /// did not fit or did not come, moves none, nor does one that no verifier was shown, nor one that would make the
    /// tickets too many. The block's hash, with the chain's randomness, draws the next roles.
    function _seal() private {
        for (uint256 i = 0; i < submitted; i++) {
            Peer storage peer = peerOf[submissionAt[i].trainer];
            if ((rejected >> i) & 1 == 1) _burn(submissionAt[i].trainer);
            if ((proposal.included >> i) & 1 == 1 && uint256(tickets) + unit <= MOST_TICKETS) {
                (peer.stake, tickets) = (peer.stake + unit, tickets + unit);
            }
        }
        latest = proposal;
        head = sha256(
            abi.encode(head, iteration, latest.model, latest.included, latest.commitment, _stakes(), _randomness())
        );
        emit Sealed(iteration, head, latest.model);
        _next(head);
    }

    function _lose() private {
        emit Lost(iteration);
        _next(_chance());
    }

    function _next(bytes32 seed_) private {
        (iteration, seed) = (iteration + 1, seed_);
        (submitted, expected, turn, agreed) = (0, 0, 0, 0);
        (refused, opened, objected) = (0, 0, 0);
        (accepted, rejected) = (0, 0);
        delete ballots;
        Chances memory chances = Chances(seed_, 0);
        verifiers = _committee(chances, verifierSeats);
        aggregators = _committee(chances, aggregatorSeats);
        _draw(chances);
        emit Drawn(iteration, verifiers, aggregators);
        _enter(Phase.Collecting);
    }

    /// @dev A seed where there is no new block to take it from.
    function _chance() private view returns (bytes32) {
        return sha256(abi.encode(head, iteration, _randomness()));
    }

    /// @dev What the chain has of it: nobody knows `prevrandao` before the block, but some chains keep it constant.
    function _randomness() private view returns (bytes32) {
        return keccak256(abi.encode(block.prevrandao, blockhash(block.number - 1)));
    }

    /// @dev So many different peers, at most those that have a ticket, each by its share of the tickets that are left:
    /// who is drawn hands in its own, so that a seat takes one number. If nobody has a stake, everybody has one ticket.
    function _committee(Chances memory chances, uint256 seats) private view returns (address[] memory members) {
        (uint256[] memory held, uint256 whole, uint256 holders) = _lottery();
        members = new address[](seats < holders ? seats : holders);
        for (uint256 i = 0; i < members.length; i++) {
            uint256 ticket = _number(chances) % whole;
            uint256 peer = 0;
            for (; ticket >= held[peer]; peer++) ticket -= held[peer];
            (whole, held[peer]) = (whole - held[peer], 0);
            members[i] = peers[peer];
        }
    }

    function _lottery() private view returns (uint256[] memory held, uint256 whole, uint256 holders) {
        held = _stakes();
        for (uint256 i = 0; i < held.length; i++) {
            whole += held[i];
            if (held[i] > 0) holders += 1;
        }
        if (whole > 0) return (held, whole, holders);
        for (uint256 i = 0; i < held.length; i++) held[i] = 1;
        return (held, held.length, held.length);
    }

    /// @dev Draw the trainers, `wanted` at most, with equal chances among the registered peers that do not verify.
    function _draw(Chances memory chances) private {
        uint256[] memory able = new uint256[](peers.length);
        uint256 count = 0;
        for (uint256 i = 0; i < peers.length; i++) {
            if (peerOf[peers[i]].registered && !_among(verifiers, peers[i])) able[count++] = i;
        }
        uint256[] memory words = new uint256[](peers.length / 256 + 1);
        uint256 seats = count < wanted ? count : wanted;
        for (uint256 i = 0; i < seats; i++) {
            uint256 other = i + _number(chances) % (count - i);
            (able[i], able[other]) = (able[other], able[i]);
            words[able[i] / 256] |= 1 << (able[i] % 256);
        }
        for (uint256 i = 0; i < words.length; i++) sample[i] = words[i];
        expected = uint64(seats);
    }

    /// @dev Two bytes of the seed; after 32 bytes the seed becomes its SHA-256.
    function _number(Chances memory chances) private pure returns (uint256) {
        if (chances.at == 16) (chances.seed, chances.at) = (sha256(abi.encode(chances.seed)), 0);
        return (uint256(chances.seed) >> (240 - 16 * chances.at++)) & 0xffff;
    }

    /// @dev Sum over the included updates of each of their points.
    function _sum(uint256 included, uint256[] calldata points) private view returns (uint256[] memory sum) {
        uint256 length = 2 * terms;
        sum = new uint256[](length);
        uint256 from = 0;
        for (uint256 i = 0; i < submitted && terms > 0; i++) {
            if ((included >> i) & 1 == 0) continue;
            require(points.length >= from + length, "points are missing");
            uint256[] calldata own = points[from:from + length];
            require(keccak256(abi.encodePacked(own)) == submissionAt[i].digest, "not the commitment");
            for (uint256 j = 0; j < length; j += 2) {
                (sum[j], sum[j + 1]) = _add(sum[j], sum[j + 1], own[j], own[j + 1]);
            }
            from += length;
        }
        require(points.length == from, "points too many");
    }

    /// @dev Adds two points of bn254 by the precompile at 6 (EIP-196), which costs 150 gas (EIP-1108).
    function _add(uint256 ax, uint256 ay, uint256 bx, uint256 by) private view returns (uint256, uint256) {
        (bool right, bytes memory sum) = address(6).staticcall{gas: 500}(abi.encode(ax, ay, bx, by));
        require(right, "not a point of the curve");
        return abi.decode(sum, (uint256, uint256));
    }

    /// @dev A bit for each update submitted.
    function _all() private view returns (uint256) {
        return type(uint256).max >> (MOST_UPDATES - submitted);
    }

    /// @dev How many bits are set.
    function _ones(uint256 bits) private pure returns (uint256 ones) {
        for (; bits > 0; bits &= bits - 1) ones += 1;
    }

    function _stakes() private view returns (uint256[] memory stakes) {
        stakes = new uint256[](peers.length);
        for (uint256 i = 0; i < peers.length; i++) stakes[i] = peerOf[peers[i]].stake;
    }

    function _among(address[] storage members, address who) private view returns (bool) {
        for (uint256 i = 0; i < members.length; i++) if (members[i] == who) return true;
        return false;
    }
}
