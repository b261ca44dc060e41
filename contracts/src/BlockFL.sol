// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";
import {Payments} from "./lib/Payments.sol";

/// @title The learning chain of BlockFL: devices upload, miners verify and pay, the winner of the race packs a block
/// @notice Kim, Park, Bennis, Kim 2020 (arXiv 1808.03949). One epoch is one block. A device's miner verifies that the
/// reported computation time fits the number of samples and pays for them; nobody has more samples than it enrolled
/// with. A miner may pack the block once it holds all devices' updates, or after the waiting time with those it holds;
/// its work is proved by a light nonce. An epoch that no miner ends can be closed without a block.
/// @dev At any time address(this).balance = pot + the sum of collectable.
contract BlockFL {
    /// @notice What one device uploaded in one epoch.
    struct Update {
        address miner; // the device's miner; 0 until uploaded
        uint64 samples; // N_i
        bool verified; // its miner verified it and paid: it is in the candidate block
        uint64 computation; // reported computation time of the local training, nanoseconds
        string content; // content id of the update
    }

    /// @dev Everything about one epoch; number 0 stays empty and is the genesis.
    struct Epoch {
        address[] devices; // those in the candidate block, in order of verification
        bytes32 body; // hash over the updates in the candidate block
        address winner; // who packed the block
        bytes32 hash; // of the block; 0 until it is packed
        bytes32 model; // SHA-256 of the global weights that more than half of the block's devices confirmed
        mapping(address => Update) updates; // by device
        mapping(address => uint256) samples; // by miner, those of its devices in the candidate block
        mapping(address => bool) confirmed; // devices that confirmed global weights
        mapping(bytes32 => uint256) votes; // devices that confirmed these global weights
    }

    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice `device` handed an update to `miner`.
    event Uploaded(uint256 indexed epoch, address indexed device, address indexed miner, string content);
    /// @notice `miner` put the update into the candidate block and paid `reward` wei for its samples.
    event Verified(uint256 indexed epoch, address indexed device, address indexed miner, uint256 reward);
    /// @notice `miner` packed the epoch's block of so many updates and earned `reward` wei.
    event Mined(uint256 indexed epoch, address indexed miner, bytes32 hash, uint256 updates, uint256 reward);
    /// @notice More than half of the block's devices computed these global weights.
    event Confirmed(uint256 indexed epoch, bytes32 model);
    /// @notice The epoch ended without a block; `left` wei of the pot go back to its founder.
    event Closed(uint256 indexed epoch, uint256 left);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice How many devices there are: so many updates make a block full.
    uint256 public immutable places;
    /// @notice Who paid the pot.
    address public immutable founder;
    /// @notice T_wait: blocks from an epoch's start after which its block need not be full.
    uint256 public immutable phaseBlocks;
    /// @notice Blocks that miners have after that, before anybody may end the epoch without a block.
    uint256 public immutable graceBlocks;
    /// @notice Computation time a sample takes, nanoseconds.
    uint64 public immutable nanosecondsPerSample;
    /// @notice Thousandths by which a reported computation time may be off.
    uint64 public immutable tolerance;
    /// @notice A block's hash must not be above this.
    uint256 public immutable target;
    /// @notice Wei a device gets for a sample, from its miner.
    uint256 public immutable dataReward;
    /// @notice Wei the winner gets for a sample of its devices, from the pot.
    uint256 public immutable miningReward;

    /// @notice The most samples a device may report: its word at enrolment; 0 for who is none and may not upload.
    mapping(address => uint64) public enrolled;
    /// @notice Who may verify and pack.
    mapping(address => bool) public isMiner;
    /// @notice The current epoch, from 1.
    uint256 public epoch = 1;
    /// @notice The last block in which this epoch's block must be full.
    Deadline public deadline;
    /// @notice Hash of the last block that was packed, 0 at first.
    bytes32 public tip;
    /// @notice Wei left for mining rewards.
    uint256 public pot;
    /// @notice Wei a party may collect.
    mapping(address => uint256) public collectable;
    /// @dev By number; nothing is cleared, so that every block can be checked later.
    mapping(uint256 => Epoch) private epochs;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @notice The value sent along is the pot that mining rewards come from, in place of newly made coins.
    /// @param samples with how many each device enrols
    /// @param waits T_wait and the blocks after it in which only miners can end the epoch
    /// @param workBits leading zero bits of a block's hash
    /// @param rewards_ wei a sample: to the device, and to the winner for its devices
    constructor(
        address[] memory devices,
        uint64[] memory samples,
        address[] memory miners,
        uint256[2] memory waits,
        uint64 nanosecondsPerSample_,
        uint64 tolerance_,
        uint8 workBits,
        uint256[2] memory rewards_
    ) payable {
        require(devices.length > 0, "no device");
        require(miners.length > 0, "no miner");
        require(samples.length == devices.length, "samples of each device");
        for (uint256 i = 0; i < devices.length; i++) {
            require(samples[i] > 0, "enrolled without samples");
            require(enrolled[devices[i]] == 0, "device listed twice");
            enrolled[devices[i]] = samples[i];
        }
        for (uint256 i = 0; i < miners.length; i++) {
            require(!isMiner[miners[i]], "miner listed twice");
            isMiner[miners[i]] = true;
        }
        (founder, places, target) = (msg.sender, devices.length, type(uint256).max >> workBits);
        (phaseBlocks, graceBlocks) = (waits[0], waits[1]);
        (nanosecondsPerSample, tolerance) = (nanosecondsPerSample_, tolerance_);
        (dataReward, miningReward, pot) = (rewards_[0], rewards_[1], msg.value);
        deadline = Deadlines.within(waits[0]);
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    /// @notice Step 2: a device hands its update to a miner. It may replace one that no miner has verified yet.
    /// @param content content id of the update
    /// @param samples N_i
    /// @param computation nanoseconds the local training took
    function upload(string calldata content, uint64 samples, uint64 computation, address miner) external {
        Update storage update = epochs[epoch].updates[msg.sender];
        require(enrolled[msg.sender] > 0, "not a device");
        require(isMiner[miner], "no such miner");
        require(!update.verified, "already in the block");
        require(bytes(content).length > 0, "no content id");
        require(samples > 0, "no samples");
        require(samples <= enrolled[msg.sender], "more samples than enrolled");
        (update.miner, update.samples, update.computation) = (miner, samples, computation);
        update.content = content;
        emit Uploaded(epoch, msg.sender, miner, content);
    }

    /// @notice Step 3: the device's miner verifies the update and pays the data reward, exactly. It names what it
    /// verified, so that the device cannot put another update in its place meanwhile. An update whose computation time
    /// is not in proportion to its samples, within the tolerance, is refused.
    function verify(address device, string calldata content, uint64 samples, uint64 computation) external payable {
        Epoch storage current = epochs[epoch];
        Update storage update = current.updates[device];
        require(update.miner == msg.sender, "not the device's miner");
        require(!update.verified, "already verified");
        require(samples == update.samples && computation == update.computation, "not what was uploaded");
        require(keccak256(bytes(content)) == keccak256(bytes(update.content)), "not what was uploaded");
        uint256 expected = uint256(samples) * nanosecondsPerSample;
        uint256 off = computation > expected ? computation - expected : expected - computation;
        require(off * 1000 <= expected * tolerance, "time does not fit samples");
        require(msg.value == samples * dataReward, "not the data reward");
        update.verified = true;
        current.devices.push(device);
        current.samples[msg.sender] += samples;
        current.body = keccak256(abi.encode(current.body, device, msg.sender, samples, computation, content));
        collectable[device] += msg.value;
        emit Verified(epoch, device, msg.sender, msg.value);
    }

    /// @notice Step 4: the first miner with a proof of work packs the block and begins the next epoch.
    /// @param nonce makes the hash of the miner's header and the nonce small enough
    function pack(uint256 nonce) external {
        Epoch storage current = epochs[epoch];
        uint256 updates = current.devices.length;
        require(isMiner[msg.sender], "not a miner");
        require(updates > 0, "nothing to pack");
        require(updates == places || deadline.passed(), "waiting for updates");
        bytes32 hash = keccak256(abi.encode(headerOf(msg.sender), nonce));
        require(uint256(hash) <= target, "no proof of work");
        uint256 reward = current.samples[msg.sender] * miningReward;
        if (reward > pot) reward = pot;
        (current.winner, current.hash, tip) = (msg.sender, hash, hash);
        pot -= reward;
        collectable[msg.sender] += reward;
        emit Mined(epoch, msg.sender, hash, updates, reward);
        _next();
    }

    /// @notice Anybody ends an epoch that no miner has ended in the grace after its deadline. There is no block, nothing
    /// to win any more, and the next epoch begins.
    function close() external {
        require(block.number > Deadline.unwrap(deadline) + graceBlocks, "a miner may still pack");
        collectable[founder] += pot;
        emit Closed(epoch, pot);
        pot = 0;
        _next();
    }

    /// @notice Step 7: a device of the block says which global weights it computed from it. Nobody waits for this.
    /// @param number the block's epoch
    /// @param model SHA-256 of the global weights
    function confirm(uint256 number, bytes32 model) external {
        Epoch storage mined = epochs[number];
        require(mined.hash != 0, "not mined");
        require(mined.updates[msg.sender].verified, "not in the block");
        require(!mined.confirmed[msg.sender], "already confirmed");
        mined.confirmed[msg.sender] = true;
        if (2 * ++mined.votes[model] > mined.devices.length && mined.model == 0) {
            mined.model = model;
            emit Confirmed(number, model);
        }
    }

    /// @notice Take home what was earned.
    function collect() external {
        Payments.collect(collectable);
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice What a miner looks for a nonce to: the hash of the last block, of the candidate's body and of itself.
    function headerOf(address miner) public view returns (bytes32) {
        return keccak256(abi.encode(tip, epochs[epoch].body, miner));
    }

    /// @notice Who packed a block, its hash, and the global weights its devices confirmed; 0 while unknown.
    function blockOf(uint256 number) external view returns (address winner, bytes32 hash, bytes32 model) {
        return (epochs[number].winner, epochs[number].hash, epochs[number].model);
    }

    /// @notice The updates in a block, or in the candidate of the current epoch, in order of verification.
    function updatesIn(uint256 number)
        external
        view
        returns (address[] memory devices, string[] memory contents, uint256[] memory samples)
    {
        devices = epochs[number].devices;
        (contents, samples) = (new string[](devices.length), new uint256[](devices.length));
        for (uint256 i = 0; i < devices.length; i++) {
            Update storage update = epochs[number].updates[devices[i]];
            (contents[i], samples[i]) = (update.content, update.samples);
        }
    }

    /// @notice What a device uploaded in an epoch.
    function updateOf(uint256 number, address device) external view returns (Update memory) {
        return epochs[number].updates[device];
    }

    /// @notice Wei that each of `parties` may collect.
    function rewards(address[] calldata parties) external view returns (uint256[] memory wei_) {
        wei_ = new uint256[](parties.length);
        for (uint256 i = 0; i < parties.length; i++) wei_[i] = collectable[parties[i]];
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNALS
    //////////////////////////////////////////////////////////////*/

    function _next() private {
        epoch += 1;
        deadline = Deadlines.within(phaseBlocks);
    }
}
