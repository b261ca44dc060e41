// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The swarm's register: who is a member, whose turn it is to merge, which model is the latest
/// @notice Nodes enrol, train, check in, and one of them, drawn by the chain, merges (Warnat-Herresthal et al. 2021).
/// Parameters stay with the nodes; only their hashes are here. A round has two phases: nodes check in until one of
/// them calls `elect`, then the leader alone may `deliver`. A leader that lets its deadline pass can be replaced.
contract SwarmLearning {
    // ------------------------------------------------------------------ events

    /// @notice `node` joined with a weight in every merge.
    event Enrolled(address indexed node, uint8 weight);
    /// @notice `node` is ready in `round` with parameters of this hash.
    event CheckedIn(uint64 indexed round, address indexed node, bytes32 digest);
    /// @notice `leader` merges `round`, and may be replaced after block `deadline`.
    event LeaderElected(uint64 indexed round, address indexed leader, uint64 deadline);
    /// @notice `leader` let its deadline pass and left `round`.
    event LeaderDropped(uint64 indexed round, address indexed leader);
    /// @notice `leader` merged `round`: the model's hash, and where it lies.
    event Merged(uint64 indexed round, address indexed leader, bytes32 digest, string uri);

    // ----------------------------------------------------------------- storage

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
    /// @notice Blocks a leader has to deliver.
    uint64 public immutable patience;

    /// @notice The current round, from 1.
    uint64 public round = 1;
    /// @notice Block after which the leader may be replaced; 0 while nodes check in.
    uint64 public deadline;
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
    /// @param patience_ blocks a leader has to deliver
    constructor(address[] memory certified, uint32 minPeers_, uint64 patience_) {
        require(minPeers_ > 0 && minPeers_ <= certified.length, "minimum of peers out of range");
        require(patience_ > 0, "a leader needs time");
        for (uint256 i = 0; i < certified.length; i++) nodes[certified[i]].certified = true;
        minPeers = minPeers_;
        patience = patience_;
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

    /// @notice Say that local training is done, once a round and before a leader is elected.
    /// @param round_ the round the node is in; an outdated node must first take the latest model
    /// @param digest hash of the parameters it will hand the leader
    function checkIn(uint64 round_, bytes32 digest) external {
        Node storage node = nodes[msg.sender];
        require(node.weight > 0, "not enrolled");
        require(round_ == round, "not the current round");
        require(deadline == 0, "check-in is closed");
        require(node.readyIn != round, "already checked in");
        node.readyIn = round;
        node.digest = digest;
        ready[readyCount++] = msg.sender;
        emit CheckedIn(round, msg.sender, digest);
    }

    /// @notice Close the check-in and draw the leader. Any ready node may call; with too few of them the round blocks.
    function elect() external {
        require(nodes[msg.sender].readyIn == round, "not checked in");
        require(deadline == 0, "leader already elected");
        require(readyCount >= minPeers, "too few peers");
        _draw();
    }

    /// @notice Drop a leader that let its deadline pass; anyone may call. Another is drawn if enough peers remain,
    /// else the check-in opens again.
    function replaceLeader() external {
        require(deadline != 0, "no leader to replace");
        require(block.number > deadline, "the leader still has time");
        address dropped = ready[leaderSeat];
        nodes[dropped].readyIn = 0;
        ready[leaderSeat] = ready[--readyCount];
        deadline = 0;
        emit LeaderDropped(round, dropped);
        if (readyCount >= minPeers) _draw();
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
        deadline = 0;
    }

    /// @notice The leader of the current round; the zero address while nodes check in.
    function leader() public view returns (address) {
        return deadline == 0 ? address(0) : ready[leaderSeat];
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

    /// @dev The seat is a hash of the round and of the randomness of the block that closes the check-in.
    function _draw() private {
        leaderSeat = uint32(uint256(keccak256(abi.encode(block.prevrandao, round))) % readyCount);
        deadline = uint64(block.number) + patience;
        emit LeaderElected(round, ready[leaderSeat], deadline);
    }
}
