// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";
import {Groth16} from "./lib/Groth16.sol";

/// @title VerifiableFL: a hospital's update counts if it is proved to be a step of training on data it committed to
/// @notice Heiss et al. 2022 (arXiv 2206.11641). Hospitals commit to their batches when they enrol. In each round some of
/// them, in turn, train on a batch that the contract names and prove it in zero knowledge; the contract checks the proof
/// and keeps the running mean of the models.
/// @dev In the published contracts a proof's public numbers are not compared with the model that stands, and anybody may
/// replace the verifier. Here the contract itself supplies all public numbers but the new model, and the key is fixed. Who
/// made the key can forge proofs; no contract can tell.
contract VerifiableFL {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice A device vouches for the commitments of its hospital's batches.
    event Signed(address indexed hospital, bytes32 batches);
    /// @notice A hospital takes part from the next round on.
    event Enrolled(address indexed hospital, uint256[] commitments);
    /// @notice A proved update, the `count`-th of its round.
    event Updated(uint32 indexed round, address indexed hospital, uint256 batch, uint32 count);
    /// @notice A round ended with so many updates; with none the model stays.
    event RoundClosed(uint32 indexed round, uint32 count);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What the contract waits for.
    enum Phase {
        Enrolling,
        Training
    }

    /// @notice What stands of a hospital.
    struct Hospital {
        bool listed; // may enrol
        uint32 place; // its place in the order of enrolment, from 1; 0 has not enrolled
        uint32 updated; // the last round in which its update was accepted
        address device; // signs its batches; the zero address: nobody needs to
        bytes32 signed; // what its device signed: keccak256 of its commitments
        uint256[] commitments; // one a batch
    }

    /// @notice Weights of a model; its bias is one more number.
    uint32 public immutable features;
    /// @notice Batches that each hospital commits to.
    uint32 public immutable batches;
    /// @notice Hospitals that train in a round, if so many have enrolled.
    uint32 public immutable trainers;
    /// @notice Blocks after which a phase may be closed although somebody is missing.
    uint32 public immutable phaseBlocks;
    /// @notice The code of this address is the verifying key.
    address public immutable key;
    /// @notice Hospitals that may enrol.
    uint32 public immutable listed;

    /// @notice The round, from 1; 0 is the enrolment.
    uint32 public round;
    /// @notice Updates accepted in this round.
    uint32 public count;
    /// @notice Updates that this round waits for.
    uint32 public expected;
    /// @notice Hospitals that had enrolled when this round began.
    uint32 public members;
    /// @notice Turns given before this round: turn t is that of place t mod members.
    uint256 public turns;
    /// @notice The last block in which the phase waits for those who are missing.
    Deadline public deadline;

    mapping(address => Hospital) private hospitals;
    address[] private enrolled;
    int32[] private standing;
    int32[] private mean;

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @param who the hospitals that may enrol
    /// @param devices for each hospital who signs its batches, or nobody at all
    /// @param weights the first model: weights, then the bias
    /// @param batches_ batches that each commits to
    /// @param trainers_ hospitals that train in a round
    /// @param phaseBlocks_ blocks that a phase waits for those who are missing
    /// @param verifying the verifying key of the step on such a model
    constructor(
        address[] memory who,
        address[] memory devices,
        int32[] memory weights,
        uint32 batches_,
        uint32 trainers_,
        uint32 phaseBlocks_,
        uint256[] memory verifying
    ) {
        require(batches_ > 0 && trainers_ > 0, "no batches or no trainers");
        require(devices.length == 0 || devices.length == who.length, "a device a hospital");
        require(weights.length > 1, "no weights");
        require(verifying.length == Groth16.words(2 + 2 * weights.length), "key of another step");
        for (uint256 i; i < who.length; ++i) {
            Hospital storage hospital = hospitals[who[i]];
            require(!hospital.listed, "hospital named twice");
            hospital.listed = true;
            if (devices.length > 0) {
                require(devices[i] != address(0), "no device");
                hospital.device = devices[i];
            }
        }
        (features, listed) = (uint32(weights.length - 1), uint32(who.length));
        (batches, trainers, phaseBlocks) = (batches_, trainers_, phaseBlocks_);
        standing = weights;
        key = Groth16.keep(verifying);
        deadline = Deadlines.within(phaseBlocks_);
    }

    /*//////////////////////////////////////////////////////////////
                               ENROLMENT
    //////////////////////////////////////////////////////////////*/

    /// @notice A device vouches for where a hospital's batches come from, before it enrols.
    /// @param batches_ keccak256 of the commitments, 32 bytes each
    function sign(address hospital, bytes32 batches_) external {
        require(msg.sender == hospitals[hospital].device, "not its registered device");
        hospitals[hospital].signed = batches_;
        emit Signed(hospital, batches_);
    }

    /// @notice A hospital commits to its batches, once and for good. It may do so at any time.
    function enrol(uint256[] calldata commitments) external {
        Hospital storage hospital = hospitals[msg.sender];
        require(hospital.listed, "not a hospital");
        require(hospital.place == 0, "already enrolled");
        require(commitments.length == batches, "a commitment a batch");
        bytes32 digest = keccak256(abi.encodePacked(commitments));
        require(hospital.device == address(0) || hospital.signed == digest, "not signed by its device");
        for (uint256 i; i < commitments.length; ++i) require(commitments[i] < Groth16.FIELD, "not in the field");
        hospital.commitments = commitments;
        enrolled.push(msg.sender);
        hospital.place = uint32(enrolled.length);
        emit Enrolled(msg.sender, commitments);
    }

    /*//////////////////////////////////////////////////////////////
                                 ROUNDS
    //////////////////////////////////////////////////////////////*/

    /// @notice A hospital whose turn it is takes a step from the model that stands, on the batch of its turn.
    /// @param weights the new model: weights, then the bias
    /// @param proof that they are just that
    function update(int32[] calldata weights, uint256[8] calldata proof) external {
        Hospital storage hospital = hospitals[msg.sender];
        (bool its, uint256 batch) = turn(msg.sender);
        require(its, "not its turn");
        require(hospital.updated != round, "already updated");
        require(weights.length == standing.length, "a number a weight");
        uint256[] memory publics = _publics(bound(msg.sender), hospital.commitments[batch], weights);
        require(Groth16.verify(key, publics, proof), "proof does not hold");
        hospital.updated = round;
        _merge(weights, ++count);
        emit Updated(round, msg.sender, batch, count);
    }

    /// @notice Anybody ends a phase, once nobody is missing or the wait is over; the next round begins.
    function close() external {
        if (round == 0) {
            require(enrolled.length > 0, "nobody enrolled");
            require(waits() == 0 || deadline.passed(), "others may still enrol");
        } else {
            require(waits() == 0 || deadline.passed(), "updates may still come");
            if (count > 0) standing = mean;
            emit RoundClosed(round, count);
        }
        (turns, members, count) = (turns + expected, uint32(enrolled.length), 0);
        (expected, deadline) = (members < trainers ? members : trainers, Deadlines.within(phaseBlocks));
        ++round;
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice What the contract waits for.
    function phase() external view returns (Phase) {
        return round == 0 ? Phase.Enrolling : Phase.Training;
    }

    /// @notice How many the phase waits for.
    function waits() public view returns (uint256) {
        return round == 0 ? listed - enrolled.length : expected - count;
    }

    /// @notice The model that stands: weights, then the bias.
    function model() external view returns (int32[] memory) {
        return standing;
    }

    /// @notice The running mean of this round's updates.
    function running() external view returns (int32[] memory) {
        return count > 0 ? mean : standing;
    }

    /// @notice Who has enrolled, in this order.
    function places() external view returns (address[] memory) {
        return enrolled;
    }

    /// @notice Whether it is a hospital's turn, and on which of its batches.
    function turn(address who) public view returns (bool its, uint256 batch) {
        uint256 place = hospitals[who].place;
        if (place == 0 || place > members) return (false, 0);
        uint256 ahead = (place - 1 + members - turns % members) % members;
        return (ahead < expected, (turns + ahead) / members % batches);
    }

    /// @notice Whose turn it is, on which batch, and what each must bind its proof to.
    function due() external view returns (address[] memory who, uint256[] memory batch, uint256[] memory binding) {
        (who, batch, binding) = (new address[](expected), new uint256[](expected), new uint256[](expected));
        for (uint256 i; i < expected; ++i) {
            who[i] = enrolled[(turns + i) % members];
            (, batch[i]) = turn(who[i]);
            binding[i] = bound(who[i]);
        }
    }

    /// @notice What makes a proof worthless for another chain, contract, round or sender.
    function bound(address who) public view returns (uint256) {
        return uint256(keccak256(abi.encode(block.chainid, address(this), round, who))) % Groth16.FIELD;
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    /// @dev What the proof is about: binding, commitment, the model that stands, the new one.
    function _publics(uint256 binding, uint256 commitment, int32[] calldata new_)
        private
        view
        returns (uint256[] memory publics)
    {
        int32[] memory old = standing;
        publics = new uint256[](2 + 2 * old.length);
        (publics[0], publics[1]) = (binding, commitment);
        for (uint256 i; i < old.length; ++i) {
            publics[2 + i] = _element(old[i]);
            publics[2 + old.length + i] = _element(new_[i]);
        }
    }

    /// @dev A number as an element of the field.
    function _element(int32 value) private pure returns (uint256) {
        return value < 0 ? Groth16.FIELD - uint256(-int256(value)) : uint256(int256(value));
    }

    /// @dev The k-th update goes into the mean: g += (w - g) / k, cut towards zero; the first replaces it.
    function _merge(int32[] calldata new_, uint32 k) private {
        if (k == 1) {
            mean = new_;
            return;
        }
        int32[] memory merged = mean;
        for (uint256 i; i < merged.length; ++i) {
            int256 old = merged[i];
            merged[i] = int32(old + (new_[i] - old) / int256(uint256(k)));
        }
        mean = merged;
    }
}
