// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Biscotti: peers are drawn by stake to verify and to aggregate updates that only their owners know
/// @notice Shayan, Fung, Yoon, Beschastnikh, IEEE TPDS 32(7), 2021, arXiv 1811.09904. In each iteration trainers commit
/// to their updates, drawn verifiers vote on them, and drawn aggregators agree on a block: the new model with the sum of
/// the accepted commitments. Stakes follow the votes, and the block's hash draws the next roles. Updates stay off chain.
/// @dev Stakes are numbers of this contract, not wei. They only change in `_seal`: by `unit` for each decided update.
contract Biscotti {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice A peer took its place with the genesis stake.
    event Registered(address indexed peer);
    /// @notice Who verifies and who aggregates in an iteration.
    event Drawn(uint64 indexed iteration, address[] verifiers, address[] aggregators);
    /// @notice A trainer fixed its update.
    event Submitted(uint64 indexed iteration, address indexed trainer, bytes32 digest);
    /// @notice A verifier voted for the updates whose bits are set, by order of submission.
    event Voted(uint64 indexed iteration, address indexed verifier, uint256 accepted);
    /// @notice An aggregator proposed the block.
    event Proposed(uint64 indexed iteration, address indexed leader, bytes32 model, uint256 included);
    /// @notice More than half of the aggregators agreed on the block.
    event Sealed(uint64 indexed iteration, bytes32 indexed hash, bytes32 model);
    /// @notice An iteration ended without a block.
    event Lost(uint64 indexed iteration);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What the contract waits for.
    enum Phase { Registering, Collecting, Verifying, Aggregating }

    /// @dev A peer of the consortium. Numbers of iterations count from 1.
    struct Peer {
        bytes32 key; // Ed25519 key that its own draws are checked by
        bytes32[2] noise; // digests of its noise, for even and for odd iterations
        uint64 place; // in the consortium, from 1
        uint64 stake; // tickets in the lottery
        uint64 submittedIn; // last iteration it trained in
        uint64 votedIn; // last iteration it voted in
        uint64 agreedIn; // last iteration in which it agreed to a block
        bool registered; // whether it took its place
    }

    /// @dev An update by order of submission.
    struct Submission {
        address trainer;
        bytes32 digest; // keccak256 of the points it is committed by
    }

    /// @dev The latest block, or the one proposed.
    struct Block {
        bytes32 model; // SHA-256 of the global model
        uint256 included; // bits of the updates in it, by order of submission
        uint256[] commitment; // sum of their points: x, y of each
    }

    /// @dev Draws of peers from the bytes of a seed.
    struct Lottery {
        uint256[] tickets; // by peer
        uint256 whole; // all tickets
        uint256 holders; // peers that have one
        bytes32 chance; // the seed, then its SHA-256 and so on
        uint256 at; // draws made from it
    }

    /// @notice Updates an iteration takes at most, since votes are bits of a word.
    uint256 public constant MOST_UPDATES = 256;
    /// @notice Tickets there are at most, as two bytes name one; with more, a draw might never find some peers.
    uint256 public constant MOST_TICKETS = 65_536;

    /// @notice Seats for verifiers; without any nobody votes and every update is accepted.
    uint256 public immutable verifierSeats;
    /// @notice Seats for aggregators.
    uint256 public immutable aggregatorSeats;
    /// @notice Updates after which an iteration takes no more.
    uint256 public immutable wanted;
    /// @notice Points that commit to one update.
    uint256 public immutable terms;
    /// @notice Stake of a peer that registers.
    uint64 public immutable genesisStake;
    /// @notice Stake an accepted update earns and a rejected one burns.
    uint64 public immutable unit;
    /// @notice Blocks a phase lasts at most.
    uint64 public immutable window;

    /// @notice What the contract waits for now.
    Phase public phase;
    /// @notice The present iteration, from 1; 0 while peers register.
    uint64 public iteration;
    /// @notice Last block before the phase can be closed.
    uint64 public deadline;
    /// @notice Peers registered so far.
    uint64 public registered;
    /// @notice Updates submitted in this iteration.
    uint64 public submitted;
    /// @notice Aggregators that agree to the proposed block, its proposer among them; 0 without a proposal.
    uint64 public agreed;
    /// @notice All stakes together, the genesis stakes of those who have not come among them.
    uint64 public tickets;
    /// @notice What this iteration's roles are drawn from.
    bytes32 public seed;
    /// @notice Hash of the latest block, which holds that of the block before.
    bytes32 public head;
    /// @notice Bits of the updates that most verifiers voted for.
    uint256 public accepted;
    /// @dev The consortium in order: a place is a peer's number.
    address[] private peers;
    /// @dev What each of them did.
    mapping(address => Peer) private peerOf;
    /// @dev This iteration's verifiers, in order of draw.
    address[] private verifiers;
    /// @dev This iteration's aggregators, in order of draw.
    address[] private aggregators;
    /// @dev This iteration's votes.
    uint256[] private votes;
    /// @dev This iteration's updates; those from `submitted` on are out of date.
    mapping(uint256 => Submission) private submissionAt;
    /// @dev The block proposed in this iteration.
    Block private proposal;
    /// @dev The latest block that was agreed on.
    Block private latest;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @notice Fix who takes part and the terms; the arguments are as the storage says.
    constructor(
        address[] memory consortium,
        uint256 verifierSeats_,
        uint256 aggregatorSeats_,
        uint256 wanted_,
        uint256 terms_,
        uint64 genesisStake_,
        uint64 unit_,
        uint64 window_
    ) {
        require(consortium.length > verifierSeats_, "nobody left to train");
        require(aggregatorSeats_ > 0, "no aggregators");
        require(wanted_ > 0 && wanted_ <= MOST_UPDATES, "wanted is not 1 to 256");
        require(terms_ > 0, "no points");
        require(consortium.length * genesisStake_ <= MOST_TICKETS, "too many tickets");
        for (uint256 i = 0; i < consortium.length; i++) {
            require(peerOf[consortium[i]].place == 0, "listed twice");
            peerOf[consortium[i]].place = uint64(i + 1);
        }
        peers = consortium;
        (verifierSeats, aggregatorSeats, wanted, terms) = (verifierSeats_, aggregatorSeats_, wanted_, terms_);
        (genesisStake, unit, window) = (genesisStake_, unit_, window_);
        (tickets, deadline) = (uint64(consortium.length * genesisStake_), uint64(block.number) + window_);
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    modifier during(Phase wantedPhase) {
        require(phase == wantedPhase, "not the phase");
        _;
    }

    /// @notice Take one's place and get the genesis stake. When all have come, the first iteration begins; who comes
    /// later takes part from then on and can be drawn from the next iteration on.
    /// @param key Ed25519 public key that the peer's own draws are checked by
    /// @param noise as in `commitNoise`
    function register(bytes32 key, bytes32 noise) external {
        Peer storage peer = peerOf[msg.sender];
        require(peer.place > 0, "not in the consortium");
        require(!peer.registered, "already registered");
        (peer.registered, peer.key, peer.stake) = (true, key, genesisStake);
        peer.noise[(iteration + 1) % 2] = noise;
        registered += 1;
        emit Registered(msg.sender);
        if (phase == Phase.Registering && registered == peers.length) _next(_chance());
    }

    /// @notice Fix the noise one will give in the next iteration, before anybody knows who will ask for it.
    /// @param digest keccak256(iteration || point), the point being the commitment to the noise
    function commitNoise(bytes32 digest) external {
        require(peerOf[msg.sender].registered, "not registered");
        peerOf[msg.sender].noise[(iteration + 1) % 2] = digest;
    }

    /// @notice Step 3: a trainer fixes its update. The first `wanted` are taken.
    /// @param digest keccak256 of its `terms` points, x and y of each
    function submit(bytes32 digest) external during(Phase.Collecting) {
        Peer storage peer = peerOf[msg.sender];
        require(peer.registered, "not registered");
        require(!_among(verifiers, msg.sender), "verifiers do not train");
        require(peer.submittedIn < iteration, "already submitted");
        peer.submittedIn = iteration;
        submissionAt[submitted] = Submission(msg.sender, digest);
        submitted += 1;
        emit Submitted(iteration, msg.sender, digest);
        if (submitted == wanted) _collected();
    }

    /// @notice Step 4: a drawn verifier approves commitments. With the last vote they are counted.
    /// @param approved a bit for each update, by order of submission from the lowest
    function vote(uint256 approved) external during(Phase.Verifying) {
        require(_among(verifiers, msg.sender), "not a verifier");
        require(peerOf[msg.sender].votedIn < iteration, "already voted");
        require(approved & ~_all() == 0, "no such update");
        peerOf[msg.sender].votedIn = iteration;
        votes.push(approved);
        emit Voted(iteration, msg.sender, approved);
        if (votes.length == verifiers.length) _count();
    }

    /// @notice Step 6: the leader proposes the block; after the deadline any aggregator may. The contract adds the
    /// commitments of the included updates, so that the recovered sum can be held against it.
    /// @param model SHA-256 of the global model
    /// @param included bits of the updates in it, all of them accepted
    /// @param points those updates' points in order: x, y of each
    function propose(bytes32 model, uint256 included, uint256[] calldata points) external during(Phase.Aggregating) {
        require(_among(aggregators, msg.sender), "not an aggregator");
        require(msg.sender == leader() || block.number > deadline, "the leader proposes");
        require(agreed == 0, "already proposed");
        require(included != 0 && included & ~accepted == 0, "not accepted");
        (proposal.model, proposal.included) = (model, included);
        proposal.commitment = _sum(included, points);
        deadline = uint64(block.number) + window;
        emit Proposed(iteration, msg.sender, model, included);
        _agree();
    }

    /// @notice An aggregator that found the same model from the same updates agrees to the block.
    function endorse(bytes32 model, uint256 included) external during(Phase.Aggregating) {
        require(_among(aggregators, msg.sender), "not an aggregator");
        require(agreed > 0, "nothing proposed");
        require(peerOf[msg.sender].agreedIn < iteration, "already agreed");
        require(model == proposal.model && included == proposal.included, "another block");
        _agree();
    }

    /// @notice After the deadline anybody ends the phase with those who came; too few of them lose the iteration. Nobody
    /// loses stake then. Without a proposal the other aggregators have another window to make one.
    function close() external {
        require(block.number > deadline, "before the deadline");
        if (phase == Phase.Registering) {
            require(registered > verifierSeats, "nobody left to train");
            _next(_chance());
        } else if (phase == Phase.Collecting) {
            if (submitted == 0) _lose();
            else _collected();
        } else if (phase == Phase.Verifying) {
            _count();
        } else {
            require(agreed > 0 || block.number > deadline + window, "others may propose");
            _lose();
        }
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice This iteration's verifiers and aggregators, in order of draw.
    function roles() external view returns (address[] memory, address[] memory) {
        return (verifiers, aggregators);
    }

    /// @notice The drawn aggregator with the highest number.
    function leader() public view returns (address highest) {
        for (uint256 i = 0; i < aggregators.length; i++) {
            if (peerOf[aggregators[i]].place > peerOf[highest].place) highest = aggregators[i];
        }
    }

    /// @notice Every peer of the consortium: its stake, its key, the digest of its noise for this iteration, and
    /// whether it registered.
    function standing()
        external
        view
        returns (uint256[] memory stakes, bytes32[] memory keys, bytes32[] memory noises, bool[] memory present)
    {
        (stakes, keys, noises) = (_stakes(), new bytes32[](peers.length), new bytes32[](peers.length));
        present = new bool[](peers.length);
        for (uint256 i = 0; i < peers.length; i++) {
            Peer storage peer = peerOf[peers[i]];
            (keys[i], noises[i], present[i]) = (peer.key, peer.noise[iteration % 2], peer.registered);
        }
    }

    /// @notice This iteration's updates, by order of submission.
    function submissions() external view returns (address[] memory trainers, bytes32[] memory digests) {
        (trainers, digests) = (new address[](submitted), new bytes32[](submitted));
        for (uint256 i = 0; i < submitted; i++) {
            (trainers[i], digests[i]) = (submissionAt[i].trainer, submissionAt[i].digest);
        }
    }

    /// @notice The latest block's model, and the sum of the commitments that went into it: x, y of each point.
    function tip() external view returns (bytes32 model, uint256[] memory commitment) {
        return (latest.model, latest.commitment);
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    function _enter(Phase next) private {
        phase = next;
        deadline = uint64(block.number) + window;
    }

    function _collected() private {
        if (verifierSeats > 0) {
            _enter(Phase.Verifying);
        } else {
            accepted = _all();
            _enter(Phase.Aggregating);
        }
    }

    /// @dev An update is accepted that more than half of all verifiers voted for.
    function _count() private {
        for (uint256 i = 0; i < submitted; i++) {
            uint256 approvals = 0;
            for (uint256 j = 0; j < votes.length; j++) approvals += (votes[j] >> i) & 1;
            if (2 * approvals > verifiers.length) accepted |= 1 << i;
        }
        if (accepted == 0) _lose();
        else _enter(Phase.Aggregating);
    }

    function _agree() private {
        peerOf[msg.sender].agreedIn = iteration;
        if (2 * ++agreed > aggregators.length) _seal();
    }

    /// @dev Stakes move by the verifiers' votes. An update that was accepted but is not in the block, because its shares
    /// did not fit or did not come, moves none, nor does one that would make the tickets too many. The block's hash and the chain's randomness draw the next roles.
    function _seal() private {
        for (uint256 i = 0; i < submitted; i++) {
            Peer storage peer = peerOf[submissionAt[i].trainer];
            if ((proposal.included >> i) & 1 == 1) {
                if (uint256(tickets) + unit <= MOST_TICKETS) (peer.stake, tickets) = (peer.stake + unit, tickets + unit);
            } else if ((accepted >> i) & 1 == 0) {
                uint64 burnt = peer.stake < unit ? peer.stake : unit;
                (peer.stake, tickets) = (peer.stake - burnt, tickets - burnt);
            }
        }
        latest = proposal;
        head = sha256(
            abi.encode(head, iteration, latest.model, latest.included, latest.commitment, _stakes(), block.prevrandao)
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
        (submitted, agreed, accepted) = (0, 0, 0);
        delete votes;
        Lottery memory lottery = _lottery();
        verifiers = _drawn(lottery, verifierSeats);
        aggregators = _drawn(lottery, aggregatorSeats);
        emit Drawn(iteration, verifiers, aggregators);
        _enter(Phase.Collecting);
    }

    /// @dev A seed where there is no new block to take it from.
    function _chance() private view returns (bytes32) {
        return sha256(abi.encode(head, iteration, block.prevrandao));
    }

    /// @dev If nobody has a stake, everybody has one ticket.
    function _lottery() private view returns (Lottery memory lottery) {
        (lottery.tickets, lottery.chance) = (_stakes(), seed);
        for (uint256 i = 0; i < lottery.tickets.length; i++) {
            lottery.whole += lottery.tickets[i];
            if (lottery.tickets[i] > 0) lottery.holders += 1;
        }
        if (lottery.whole > 0) return lottery;
        (lottery.whole, lottery.holders) = (lottery.tickets.length, lottery.tickets.length);
        for (uint256 i = 0; i < lottery.tickets.length; i++) lottery.tickets[i] = 1;
    }

    /// @dev So many different peers, at most those that have a ticket. Who is drawn again is skipped.
    function _drawn(Lottery memory lottery, uint256 seats) private view returns (address[] memory members) {
        members = new address[](seats < lottery.holders ? seats : lottery.holders);
        bool[] memory taken = new bool[](lottery.tickets.length);
        for (uint256 found = 0; found < members.length;) {
            uint256 peer = _draw(lottery);
            if (taken[peer]) continue;
            taken[peer] = true;
            members[found++] = peers[peer];
        }
    }

    /// @dev Two bytes of the seed name a ticket; after 32 bytes the seed becomes its SHA-256.
    function _draw(Lottery memory lottery) private pure returns (uint256 peer) {
        if (lottery.at == 16) (lottery.chance, lottery.at) = (sha256(abi.encode(lottery.chance)), 0);
        uint256 ticket = ((uint256(lottery.chance) >> (240 - 16 * lottery.at)) & 0xffff) % lottery.whole;
        lottery.at += 1;
        for (; ticket >= lottery.tickets[peer]; peer++) ticket -= lottery.tickets[peer];
    }

    /// @dev Sum over the included updates of each of their points.
    function _sum(uint256 included, uint256[] calldata points) private view returns (uint256[] memory sum) {
        uint256 length = 2 * terms;
        sum = new uint256[](length);
        uint256 from = 0;
        for (uint256 i = 0; i < submitted; i++) {
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

    function _stakes() private view returns (uint256[] memory stakes) {
        stakes = new uint256[](peers.length);
        for (uint256 i = 0; i < peers.length; i++) stakes[i] = peerOf[peers[i]].stake;
    }

    function _among(address[] storage members, address who) private view returns (bool) {
        for (uint256 i = 0; i < members.length; i++) if (members[i] == who) return true;
        return false;
    }
}
