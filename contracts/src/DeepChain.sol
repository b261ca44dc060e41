// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";
import {EqualLogarithms} from "./lib/EqualLogarithms.sol";
import {Payments} from "./lib/Payments.sol";

/// @title DeepChain: encrypted gradients are added up by workers and opened jointly, under deadlines and deposits
/// @notice After Weng et al. 2021 (IEEE TDSC 18(5), 10.1109/TDSC.2019.2952332). In each round the parties that have a
/// deposit here name their encrypted updates; workers name the sum of those with a right proof, and most of them decide;
/// the parties give their parts in opening it; whoever shows that a part is wrong has it struck out. Who is late, whose
/// upload has no right proof or whose part is wrong loses its deposit to the others. This contract trades and processes:
/// it is the paper's Trading and Processing contracts.
/// @dev Sets of parties and of workers are bits of a word, in order of place. At any time address(this).balance = the
/// sum of collectable + held().
contract DeepChain {
    using Payments for mapping(address => uint256);

    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice `party` locked its deposit.
    event Joined(address indexed party);
    /// @notice `party` has its deposit back.
    event Left(address indexed party);
    /// @notice `party` published its encrypted update under the content id with this digest.
    event Uploaded(uint64 indexed round, address indexed party, bytes32 digest);
    /// @notice `worker` says that the updates of a set of parties add up to what has this hash.
    event Claimed(uint64 indexed round, address indexed worker, bytes32 aggregate, uint256 included);
    /// @notice Most workers say so; `worker` did first and earned `fee` wei.
    event Aggregated(uint64 indexed round, address indexed worker, bytes32 aggregate, uint256 included, uint256 fee);
    /// @notice `party` gave its part in opening the sum, in this transaction's data.
    event Submitted(uint64 indexed round, address indexed party);
    /// @notice `worker` has no more parts to dispute.
    event Approved(uint64 indexed round, address indexed worker);
    /// @notice The deposits of these parties go to the others.
    event Forfeited(uint64 indexed round, uint256 parties);
    /// @notice The sum can be opened by the parts of these parties.
    event Opened(uint64 indexed round, uint256 parties);
    /// @notice There is no sum that can be opened in this round.
    event Lost(uint64 indexed round);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What the round waits for.
    enum Phase {
        Uploading,
        Aggregating,
        Decrypting,
        Disputing
    }

    /// @notice t: parties whose parts open a sum, and updates that a sum has at least.
    uint256 public immutable threshold;
    /// @notice Wei a party locks to take part.
    uint256 public immutable deposit;
    /// @notice Wei a party pays the workers for each upload.
    uint256 public immutable fee;
    /// @notice Bytes of a party's parts in opening a sum, with their proof.
    uint256 public immutable messageBytes;
    /// @notice Blocks that a phase lasts at most.
    uint64 public immutable phaseBlocks;

    /// @dev The parties and the workers in their order.
    address[] private parties;
    address[] private workers;
    /// @notice Place of each, from 1; 0 for others.
    mapping(address => uint256) public placeOf;
    mapping(address => uint256) public workerPlaceOf;
    /// @notice Hash of n^2, v and v_i, against which a party's parts are held.
    mapping(address => bytes32) public keyOf;

    /// @notice Number of the present round, from 1.
    uint64 public round = 1;
    /// @notice What it waits for.
    Phase public phase;
    /// @notice Last block in which the phase's acts are accepted; none while nobody has a deposit.
    Deadline public deadline = Deadlines.NEVER;
    /// @notice The latest round whose sum could be opened.
    uint64 public opened;

    /// @notice Who has a deposit here.
    uint256 public locked;
    /// @notice Who uploaded in this round.
    uint256 public uploaded;
    /// @notice Whose updates are in the sum.
    uint256 public included;
    /// @notice Who gave its part in opening it, and was not struck out.
    uint256 public submitted;
    /// @notice Hash of the sum's ciphertexts.
    bytes32 public aggregate;
    /// @dev Workers who claimed a sum, and who approved its opening.
    uint256 private claimed;
    uint256 private approved;

    /// @notice Digest of the content id of what a party uploaded last.
    mapping(address => bytes32) public uploadOf;
    /// @dev Hash of the parts that a party gave last.
    mapping(address => bytes32) private messageOf;
    /// @dev By hash of round and claim: how many workers made it, and who did first.
    mapping(bytes32 => uint256) private votes;
    mapping(bytes32 => address) private firstToClaim;
    /// @notice Wei an account can take home.
    mapping(address => uint256) public collectable;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @notice Fix who takes part, and the terms; they are as the storage says.
    /// @param keys_ of each party, see `keyOf`
    constructor(
        address[] memory parties_,
        bytes32[] memory keys_,
        address[] memory workers_,
        uint256 threshold_,
        uint256 deposit_,
        uint256 fee_,
        uint256 messageBytes_,
        uint64 phaseBlocks_
    ) {
        require(parties_.length <= 256 && workers_.length <= 256, "more than 256");
        require(parties_.length == keys_.length, "a key a party");
        require(threshold_ > 0 && threshold_ <= parties_.length, "not a threshold");
        require(workers_.length > 0, "no workers");
        (parties, workers, threshold) = (parties_, workers_, threshold_);
        (deposit, fee, messageBytes, phaseBlocks) = (deposit_, fee_, messageBytes_, phaseBlocks_);
        for (uint256 i = 0; i < parties_.length; i++) {
            require(placeOf[parties_[i]] == 0, "party listed twice");
            (placeOf[parties_[i]], keyOf[parties_[i]]) = (i + 1, keys_[i]);
        }
        for (uint256 i = 0; i < workers_.length; i++) {
            require(workerPlaceOf[workers_[i]] == 0, "worker listed twice");
            workerPlaceOf[workers_[i]] = i + 1;
        }
    }

    /*//////////////////////////////////////////////////////////////
                                 LOGIC
    //////////////////////////////////////////////////////////////*/

    modifier during(Phase wanted) {
        require(phase == wanted, "not the phase");
        deadline.requireNotPassed();
        _;
    }

    /// @notice Lock one's deposit, at the beginning or after losing it.
    function join() external payable during(Phase.Uploading) {
        require(placeOf[msg.sender] > 0, "not a party");
        require(locked & _bit(msg.sender) == 0, "already joined");
        require(msg.value == deposit, "not the deposit");
        if (locked == 0) deadline = Deadlines.within(phaseBlocks);
        locked |= _bit(msg.sender);
        emit Joined(msg.sender);
    }

    /// @notice Have one's deposit back before uploading in a round.
    function leave() external during(Phase.Uploading) {
        require(locked & _bit(msg.sender) > 0, "no deposit");
        require(uploaded & _bit(msg.sender) == 0, "already uploaded");
        locked &= ~_bit(msg.sender);
        collectable[msg.sender] += deposit;
        emit Left(msg.sender);
        if (locked == 0) deadline = Deadlines.NEVER;
        else _goOnIfAllUploaded();
    }

    /// @notice Before t1: name one's encrypted update, and pay the workers' fee.
    function upload(bytes32 digest) external payable during(Phase.Uploading) {
        require(locked & _bit(msg.sender) > 0, "no deposit");
        require(uploaded & _bit(msg.sender) == 0, "already uploaded");
        require(msg.value == fee, "not the fee");
        uploaded |= _bit(msg.sender);
        uploadOf[msg.sender] = digest;
        emit Uploaded(round, msg.sender, digest);
        _goOnIfAllUploaded();
    }

    /// @notice Before t2: a worker names the sum of the uploads that have right proofs. What more than half of all workers
    /// say decides; who said so first has the fees, and whose upload is left out loses its deposit.
    function claim(bytes32 aggregate_, uint256 included_) external during(Phase.Aggregating) {
        uint256 bit = _workerBit();
        require(claimed & bit == 0, "already claimed");
        require(included_ & ~uploaded == 0, "not an upload");
        claimed |= bit;
        emit Claimed(round, msg.sender, aggregate_, included_);
        bytes32 said = keccak256(abi.encode(round, aggregate_, included_));
        if (++votes[said] == 1) firstToClaim[said] = msg.sender;
        if (2 * votes[said] <= workers.length) return;
        uint256 earned = fee * _count(uploaded);
        collectable[firstToClaim[said]] += earned;
        (aggregate, included) = (aggregate_, included_);
        emit Aggregated(round, firstToClaim[said], aggregate_, included_, earned);
        _forfeit(uploaded & ~included_);
        if (_count(included_) < threshold) _end(false);
        else _open(Phase.Decrypting);
    }

    /// @notice Before t3: a party gives its parts in opening the sum, and the proof that they are right.
    function submit(bytes calldata message) external during(Phase.Decrypting) {
        uint256 bit = _bit(msg.sender);
        require(included & bit > 0, "not in the sum");
        require(submitted & bit == 0, "already submitted");
        require(message.length == messageBytes, "not of the length");
        submitted |= bit;
        messageOf[msg.sender] = keccak256(message);
        emit Submitted(round, msg.sender);
        if (submitted == included) _open(Phase.Disputing);
    }

    /// @notice Before t4: anybody shows that a party's parts are wrong. The contract checks the proof itself; if it fails,
    /// the parts are struck out and the party loses its deposit.
    /// @param key see `keyOf`
    /// @param sum the ciphertexts whose hash was claimed
    /// @param message what the party submitted
    function dispute(address party, bytes calldata key, bytes calldata sum, bytes calldata message)
        external
        during(Phase.Disputing)
    {
        require(submitted & _bit(party) > 0, "nothing submitted");
        require(keccak256(key) == keyOf[party], "not its key");
        require(keccak256(sum) == aggregate, "not the sum");
        require(keccak256(message) == messageOf[party], "not what it submitted");
        require(!EqualLogarithms.hold(domain(party), key, sum, message), "the proof holds");
        submitted &= ~_bit(party);
        _forfeit(_bit(party));
    }

    /// @notice A worker has checked all parts and disputed the wrong ones. Once all have, nobody needs to wait for t4.
    function approve() external during(Phase.Disputing) {
        uint256 bit = _workerBit();
        require(approved & bit == 0, "already approved");
        approved |= bit;
        emit Approved(round, msg.sender);
        if (_count(approved) == workers.length) _end(_count(submitted) >= threshold);
    }

    /// @notice Once a phase's deadline has passed, go on without those who are late, who lose their deposits; without a
    /// sum that enough parties are in, or can be opened by, to the next round.
    function close() external {
        deadline.requirePassed();
        if (phase == Phase.Uploading) {
            _forfeit(locked & ~uploaded);
            if (_count(uploaded) >= threshold) _open(Phase.Aggregating);
            else _returnFees();
        } else if (phase == Phase.Aggregating) {
            _returnFees();
        } else if (phase == Phase.Decrypting) {
            _forfeit(included & ~submitted);
            if (_count(submitted) >= threshold) _open(Phase.Disputing);
            else _end(false);
        } else {
            _end(_count(submitted) >= threshold);
        }
    }

    /// @notice Take home what one is owed.
    function collect() external {
        collectable.collect();
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice Wei of deposits, and of fees that nobody has earned yet.
    function held() external view returns (uint256) {
        bool unearned = phase == Phase.Uploading || phase == Phase.Aggregating;
        return deposit * _count(locked) + (unearned ? fee * _count(uploaded) : 0);
    }

    /// @notice What a party's proofs begin with in this round, so that nobody else, and nobody later, can use them.
    function domain(address party) public view returns (bytes32) {
        return keccak256(abi.encode(address(this), round, party));
    }

    /// @notice The parties of a set, in their order.
    function named(uint256 set) external view returns (address[] memory found) {
        found = new address[](_count(set));
        uint256 next = 0;
        for (uint256 i = 0; i < parties.length; i++) {
            if (set >> i & 1 > 0) found[next++] = parties[i];
        }
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    /// @dev Fewer uploads than make a sum wait for others to join.
    function _goOnIfAllUploaded() private {
        if (uploaded == locked && _count(uploaded) >= threshold) _open(Phase.Aggregating);
    }

    function _open(Phase next) private {
        (phase, deadline) = (next, Deadlines.within(phaseBlocks));
    }

    /// @dev Share the deposits of some among all others that have one; where there are none, each has its own back. What
    /// division leaves is the first one's.
    function _forfeit(uint256 some) private {
        if (some == 0) return;
        emit Forfeited(round, some);
        locked &= ~some;
        uint256 takers = locked == 0 ? some : locked;
        uint256 pot = deposit * _count(some);
        uint256 each = pot / _count(takers);
        uint256 rest = pot % _count(takers);
        for (uint256 i = 0; i < parties.length; i++) {
            if (takers >> i & 1 == 0) continue;
            collectable[parties[i]] += each + rest;
            rest = 0;
        }
    }

    /// @dev Nobody earned them.
    function _returnFees() private {
        for (uint256 i = 0; i < parties.length; i++) if (uploaded >> i & 1 > 0) collectable[parties[i]] += fee;
        _end(false);
    }

    /// @dev The next round begins.
    function _end(bool openable) private {
        if (openable) {
            opened = round;
            emit Opened(round, submitted);
        } else {
            emit Lost(round);
        }
        (uploaded, included, submitted, claimed, approved) = (0, 0, 0, 0, 0);
        round += 1;
        _open(Phase.Uploading);
        if (locked == 0) deadline = Deadlines.NEVER;
    }

    function _bit(address party) private view returns (uint256) {
        uint256 place = placeOf[party];
        return place == 0 ? 0 : 1 << (place - 1);
    }

    function _workerBit() private view returns (uint256) {
        require(workerPlaceOf[msg.sender] > 0, "not a worker");
        return 1 << (workerPlaceOf[msg.sender] - 1);
    }

    function _count(uint256 set) private pure returns (uint256 ones) {
        for (; set > 0; set &= set - 1) ones++;
    }
}
