// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";

/// @title The swarm's register: who is a member, whose turn it is to merge, which model is the latest
/// @notice Nodes enrol, train, check in, and one of them, drawn by the chain, merges (Warnat-Herresthal et al. 2021).
/// Parameters stay with the nodes; only their hashes are here. A round has three phases: nodes check in until as many are
/// in as are awaited or the time for it is over; in a later block the leader is drawn; then the leader alone may
/// `deliver`. A leader that lets its deadline pass can be replaced. Below `minPeers` a round waits for ever, as published.
/// @dev The leader is drawn by the hash of the block that closed the check-in: who is ready stands before that block is
/// made, and whoever asks for the draw, when and how often changes nothing. Hashes are kept for 256 blocks; a draw that
/// nobody asked for by then waits for another block. Remaining trust: who makes that block may bend its hash.
contract SwarmLearning {
    // ------------------------------------------------------------------ events

    /// @notice `node` joined with a weight in every merge.
    event Enrolled(address indexed node, uint8 weight);
    /// @notice `node` is ready in `round` with parameters of this hash.
    event CheckedIn(uint64 indexed round, address indexed node, bytes32 digest);
    /// @notice So many nodes are ready in `round`; the leader is drawn from them in a later block.
    event CheckInClosed(uint64 indexed round, uint32 nodes);
    /// @notice `leader` merges `round`, and may be replaced after block `deadline`.
    event LeaderElected(uint64 indexed round, address indexed leader, uint64 deadline);
    /// @notice `leader` let its deadline pass and left `round`.
    event LeaderDropped(uint64 indexed round, address indexed leader);
    /// @notice `leader` merged `round`: the model's hash, and where it lies.
    event Merged(uint64 indexed round, address indexed leader, bytes32 digest, string uri);

    // ----------------------------------------------------------------- storage

    /// @notice What a round waits for: nodes that check in, the draw, or the leader's merge.
    enum Phase {
        CheckIn,
        Draw,
        Merge
    }

    /// @notice What is known of a node: has it a certificate; its weight W_k, 0 until it enrols; the round it last
    /// checked in to; the hash of the parameters it checked in with.
    struct Node {
        bool certified;
        uint8 weight;
        uint64 readyIn;
        bytes32 digest;
    }

    /// @notice A merged model: who merged it, its hash, where it lies.
    struct Model {
        address leader;
        bytes32 digest;
        string uri;
    }

    /// @notice Fewest nodes that may merge.
    uint32 public immutable minPeers;
    /// @notice How many nodes a round awaits, until the time for the check-in is over.
    uint32 public immutable awaited;
    /// @notice Blocks that a check-in waits for those who are not in.
    uint64 public immutable phaseBlocks;
    /// @notice Blocks a leader has to deliver.
    uint64 public immutable leaderBlocks;

    /// @notice The current round, from 1.
    uint64 public round = 1;
    /// @notice The last block in which the phase cannot be ended: by `close`, `elect` or `replaceLeader`. In the phase
    /// Draw that is the block which closed the check-in.
    Deadline public deadline;
    /// @notice What the round waits for now.
    Phase public phase;
    /// @notice How many nodes are ready in the current round.
    uint32 public readyCount;
    /// @dev Seat of the leader among the ready.
    uint32 private leaderSeat;
    /// @notice Every node by its account.
    mapping(address => Node) public nodes;
    /// @dev The ready by seat; seats from `readyCount` on are left over from earlier rounds.
    mapping(uint256 => address) private ready;
    /// @notice The latest merged model; before the first there is none and all is empty.
    Model public latest;

    // ------------------------------------------------------------- constructor

    /// @notice The first node (Sentinel) sets the swarm up.
    /// @param certified the accounts that hold a certificate and so may enrol
    /// @param minPeers_ fewest nodes that may merge
    /// @param awaited_ nodes that a round awaits: all of them, or one more than may merge
    /// @param phaseBlocks_ blocks that a check-in waits for those who are not in
    /// @param leaderBlocks_ blocks a leader has to deliver
    constructor(
        address[] memory certified,
        uint32 minPeers_,
        uint32 awaited_,
        uint64 phaseBlocks_,
        uint64 leaderBlocks_
    ) {
        require(minPeers_ > 0 && minPeers_ <= awaited_, "minimum of peers out of range");
        require(awaited_ <= certified.length, "more awaited than certified");
        require(phaseBlocks_ > 0, "training needs time");
        require(leaderBlocks_ > 0, "a leader needs time");
        for (uint256 i = 0; i < certified.length; i++) {
            require(!nodes[certified[i]].certified, "certified twice");
            nodes[certified[i]].certified = true;
        }
        minPeers = minPeers_;
        awaited = awaited_;
        phaseBlocks = phaseBlocks_;
        leaderBlocks = leaderBlocks_;
        _enter(Phase.CheckIn, phaseBlocks_);
    }

    // ------------------------------------------------------------------- logic

    /// @notice Join, once, at any time.
    /// @param weight W_k: how much this node counts in a merge, 1 to 100
    function enrol(uint8 weight) external {
        Node storage node = nodes[msg.sender];
        require(node.certified, "not certified");
        require(node.weight == 0, "already enrolled");
        require(weight >= 1 && weight <= 100, "weight not within 1 to 100");
        node.weight = weight;
        emit Enrolled(msg.sender, weight);
    }

    /// @notice Say that local training is done, once a round. The last one to be awaited closes the check-in.
    /// @param round_ the round the node is in; an outdated node must first take the latest model
    /// @param digest hash of the parameters it will hand the leader
    function checkIn(uint64 round_, bytes32 digest) external {
        Node storage node = nodes[msg.sender];
        require(node.weight > 0, "not enrolled");
        require(round_ == round, "not the current round");
        require(phase == Phase.CheckIn, "check-in is closed");
        require(node.readyIn != round, "already checked in");
        node.readyIn = round;
        node.digest = digest;
        ready[readyCount++] = msg.sender;
        emit CheckedIn(round, msg.sender, digest);
        if (readyCount == awaited) _close();
    }

    /// @notice After its deadline, close the check-in without those who are not in; anyone may call. With too few in the
    /// round blocks.
    function close() external {
        require(phase == Phase.CheckIn, "check-in is closed");
        require(readyCount >= minPeers, "too few peers");
        deadline.requirePassed();
        _close();
    }

    /// @notice Have the leader drawn, in a later block than the one that closed the check-in; anyone may call.
    function elect() external {
        require(phase == Phase.Draw, "nothing to draw");
        deadline.requirePassed();
        bytes32 chance = blockhash(Deadline.unwrap(deadline));
        if (chance == 0) return _enter(Phase.Draw, 0);
        leaderSeat = uint32(uint256(keccak256(abi.encode(chance, address(this), round))) % readyCount);
        _enter(Phase.Merge, leaderBlocks);
        emit LeaderElected(round, ready[leaderSeat], Deadline.unwrap(deadline));
    }

    /// @notice Drop a leader that let its deadline pass; anyone may call. Another can be drawn if enough peers remain,
    /// else the check-in opens again.
    function replaceLeader() external {
        require(phase == Phase.Merge, "no leader to replace");
        deadline.requirePassed();
        address dropped = ready[leaderSeat];
        nodes[dropped].readyIn = 0;
        ready[leaderSeat] = ready[--readyCount];
        emit LeaderDropped(round, dropped);
        if (readyCount >= minPeers) _close();
        else _enter(Phase.CheckIn, phaseBlocks);
    }

    /// @notice Announce the merged model and end the round; for the leader alone.
    /// @param round_ the round that was merged
    /// @param digest hash of the merged parameters
    /// @param uri where peers can pull them
    function deliver(uint64 round_, bytes32 digest, string calldata uri) external {
        require(round_ == round, "not the current round");
        require(msg.sender == leader(), "not the leader");
        require(bytes(uri).length > 0, "no model");
        latest = Model(msg.sender, digest, uri);
        emit Merged(round, msg.sender, digest, uri);
        round++;
        readyCount = 0;
        _enter(Phase.CheckIn, phaseBlocks);
    }

    /// @notice The leader of the current round; the zero address before the draw.
    function leader() public view returns (address) {
        return phase == Phase.Merge ? ready[leaderSeat] : address(0);
    }

    /// @notice The nodes that are ready in the current round, their weights and the hashes of their parameters.
    function participants()
        external
        view
        returns (address[] memory members, uint8[] memory weights, bytes32[] memory digests)
    {
        members = new address[](readyCount);
        weights = new uint8[](readyCount);
        digests = new bytes32[](readyCount);
        for (uint256 seat = 0; seat < readyCount; seat++) {
            members[seat] = ready[seat];
            weights[seat] = nodes[members[seat]].weight;
            digests[seat] = nodes[members[seat]].digest;
        }
    }

    /// @dev Who is ready stands; the draw is for a later block.
    function _close() private {
        _enter(Phase.Draw, 0);
        emit CheckInClosed(round, readyCount);
    }

    function _enter(Phase phase_, uint64 blocks) private {
        phase = phase_;
        deadline = Deadlines.within(blocks);
    }
}
