// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The swarm's register: who is a member, whose turn it is to merge, which model is the latest
/// @notice Nodes enrol, train, check in, and one of them, drawn by the chain, merges (Warnat-Herresthal et al. 2021).
/// Parameters stay with the nodes; only their hashes are here. A round has three phases: nodes check in until all are in
/// or the time for it is over; in a later block one of them has the leader drawn; then the leader alone may `deliver`.
/// A leader that lets its deadline pass can be replaced.
/// @dev Nobody can choose the leader: who is ready stands before the draw, whose randomness is that of a later block,
/// and who asks for the draw cannot take it back on seeing it, being no contract. Remaining trust: whoever makes blocks
/// can delay the request or bend their randomness, and one ready node must ask at once, else others can wait for a
/// block that suits them where a chain tells its randomness a block ahead.
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
    /// @notice How many hold a certificate: when all are in, nobody is left to wait for.
    uint32 public immutable certifiedCount;
    /// @notice Blocks that a check-in waits for those who are not in.
    uint64 public immutable checkInBlocks;
    /// @notice Blocks a leader has to deliver.
    uint64 public immutable patience;

    /// @notice The current round, from 1.
    uint64 public round = 1;
    /// @notice The last block in which the phase cannot be ended: by `close`, `elect` or `replaceLeader`.
    uint64 public deadline;
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
    /// @param checkInBlocks_ blocks that a check-in waits for those who are not in
    /// @param patience_ blocks a leader has to deliver
    constructor(address[] memory certified, uint32 minPeers_, uint64 checkInBlocks_, uint64 patience_) {
        require(minPeers_ > 0 && minPeers_ <= certified.length, "minimum of peers out of range");
        require(checkInBlocks_ > 0, "training needs time");
        require(patience_ > 0, "a leader needs time");
        for (uint256 i = 0; i < certified.length; i++) {
            require(!nodes[certified[i]].certified, "certified twice");
            nodes[certified[i]].certified = true;
        }
        minPeers = minPeers_;
        certifiedCount = uint32(certified.length);
        checkInBlocks = checkInBlocks_;
        patience = patience_;
        _enter(Phase.CheckIn, checkInBlocks_);
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
        if (readyCount == certifiedCount) _close();
    }

    /// @notice After its deadline, close the check-in without those who are not in; anyone may call. With too few in the
    /// round blocks.
    function close() external {
        require(phase == Phase.CheckIn, "check-in is closed");
        require(readyCount >= minPeers, "too few peers");
        require(block.number > deadline, "check-in open");
        _close();
    }

    /// @notice Have the leader drawn, in a later block than the one that closed the check-in; any ready node may call.
    /// @dev The seat is a hash of the round and of the block's randomness. A contract could look at it and revert until
    /// it likes what it sees, so none may call: neither from elsewhere nor as the code of the sender's own account.
    function elect() external {
        require(msg.sender == tx.origin && msg.sender.code.length == 0, "no contract may draw");
        require(nodes[msg.sender].readyIn == round, "not checked in");
        require(phase != Phase.CheckIn, "check-in open");
        require(phase == Phase.Draw, "leader already elected");
        require(block.number > deadline, "drawn in a later block");
        leaderSeat = uint32(uint256(keccak256(abi.encode(block.prevrandao, round))) % readyCount);
        _enter(Phase.Merge, patience);
        emit LeaderElected(round, ready[leaderSeat], deadline);
    }

    /// @notice Drop a leader that let its deadline pass; anyone may call. Another can be drawn if enough peers remain,
    /// else the check-in opens again.
    function replaceLeader() external {
        require(phase == Phase.Merge, "no leader to replace");
        require(block.number > deadline, "the leader still has time");
        address dropped = ready[leaderSeat];
        nodes[dropped].readyIn = 0;
        ready[leaderSeat] = ready[--readyCount];
        emit LeaderDropped(round, dropped);
        if (readyCount >= minPeers) _close();
        else _enter(Phase.CheckIn, checkInBlocks);
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
        _enter(Phase.CheckIn, checkInBlocks);
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
        deadline = uint64(block.number) + blocks;
    }
}
